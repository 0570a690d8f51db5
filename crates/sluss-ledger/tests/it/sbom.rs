//! Lock files become bills of materials, or say which line is not understood.

use proptest::prelude::*;
use serde_json::Value;
use sluss_ledger::sample::predicates::{
    CARGO_LOCK, CYCLONEDX, PACKAGE_LOCK, POETRY_LOCK, REQUIREMENTS, SPDX, SPDX_3, UV_LOCK, sboms,
};
use sluss_ledger::sbom::{
    Inventory, cargo_lock, cyclonedx_taken, package_lock, poetry_lock, requirements, spdx, uv_lock,
};

fn purls(inventory: &Inventory) -> Vec<&str> {
    inventory.components().map(|(purl, _)| purl.as_str()).collect()
}

#[test]
fn a_cargo_lock_gives_digests_and_what_needs_what() {
    let inventory = cargo_lock(CARGO_LOCK).unwrap();
    assert_eq!(
        purls(&inventory),
        [
            "pkg:cargo/itoa@1.0.15",
            "pkg:cargo/payments@0.1.0",
            "pkg:cargo/ryu@1.0.20?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fryu%3Frev%3Dab12%23ab12",
        ]
    );
    let (_, itoa) = inventory.components().next().unwrap();
    assert!(itoa.hashes["SHA-256"].starts_with("4a5f13b8"));
    let (_, payments) = inventory.components().nth(1).unwrap();
    assert_eq!(payments.needs.len(), 2);
}

#[test]
fn our_own_cargo_lock_is_understood_whole() {
    let text = std::fs::read_to_string("../../Cargo.lock").unwrap();
    let inventory = cargo_lock(&text).unwrap();
    assert_eq!(inventory.len(), text.matches("[[package]]").count());
}

#[test]
fn a_cargo_lock_that_is_not_understood_names_its_line() {
    for (bad, says) in [
        (CARGO_LOCK.replace("version = 4", "version = 9"), "line 2"),
        (CARGO_LOCK.replace("checksum = \"4a", "checksum = \"XX"), "line 8"),
        (CARGO_LOCK.replace("checksum", "check"), "line 8"),
        (CARGO_LOCK.replace(" \"ryu\",", " \"other\","), "\"other\""),
        (CARGO_LOCK.replace("\n]", ""), "line"),
        (CARGO_LOCK.replace("name = \"itoa\"\n", ""), "without name"),
        (
            format!(
                "{CARGO_LOCK}\n[[package]]\nname = \"itoa\"\nversion = \"1.0.15\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
            ),
            "\"itoa\"",
        ),
    ] {
        let error = cargo_lock(&bad).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_package_lock_gives_scopes_digests_licences_and_nested_versions() {
    let inventory = package_lock(PACKAGE_LOCK.as_bytes()).unwrap();
    assert_eq!(
        purls(&inventory),
        ["pkg:npm/%40scope/a@1.2.0", "pkg:npm/b@1.0.0", "pkg:npm/b@2.0.0"]
    );
    let (_, scoped) = inventory.components().next().unwrap();
    assert_eq!(scoped.hashes["SHA-512"].len(), 128);
    assert_eq!(scoped.licence.as_deref(), Some("(MIT OR Apache-2.0)"));
    assert_eq!(scoped.needs.iter().next().unwrap().as_str(), "pkg:npm/b@2.0.0");
}

#[test]
fn a_package_lock_that_is_not_understood_is_refused() {
    for bad in [
        PACKAGE_LOCK.replace("\"lockfileVersion\":3", "\"lockfileVersion\":1"),
        PACKAGE_LOCK.replace("sha512-z4", "sha512-"),
        PACKAGE_LOCK.replace("sha512", "md5"),
        PACKAGE_LOCK.replace("\"b\":\"^2.0.0\"", "\"c\":\"^2.0.0\""),
        PACKAGE_LOCK.replace("\"node_modules/b\":", "\"node_modules/@scope/a\":"),
        "{}".to_owned(),
    ] {
        assert_ne!(bad, PACKAGE_LOCK);
        assert!(package_lock(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn pinned_requirements_give_names_as_the_index_has_them() {
    let inventory = requirements(REQUIREMENTS).unwrap();
    assert_eq!(
        purls(&inventory),
        [
            "pkg:pypi/flask-login@0.6.3",
            "pkg:pypi/local?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Flocal%404f4f4f",
            "pkg:pypi/requests@2.32.0",
        ]
    );
}

#[test]
fn what_is_not_pinned_is_refused() {
    for bad in
        ["flask", "flask>=1", "flask==1.*", "flask==1,<2", "-r more.txt", "-e .", "flask==", "==1"]
    {
        let error = requirements(&format!("requests==1\n{bad}\n")).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{bad}: {error}");
    }
    assert!(requirements("a==1\nA==1\n").is_err());
}

#[test]
fn a_uv_lock_gives_versions_digests_and_what_needs_what() {
    let inventory = uv_lock(UV_LOCK).unwrap();
    assert_eq!(purls(&inventory), ["pkg:pypi/idna@3.10", "pkg:pypi/requests@2.32.3"]);
    let (_, requests) = inventory.components().nth(1).unwrap();
    assert_eq!(requests.hashes["SHA-256"].len(), 64);
    assert_eq!(requests.needs.iter().next().unwrap().as_str(), "pkg:pypi/idna@3.10");
}

#[test]
fn a_poetry_lock_gives_versions_digests_and_what_needs_what() {
    let inventory = poetry_lock(POETRY_LOCK).unwrap();
    let git = "pkg:pypi/werkzeug@3.1.3?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fwerkzeug";
    assert_eq!(purls(&inventory), ["pkg:pypi/flask-login@0.6.3", git]);
    let (_, login) = inventory.components().next().unwrap();
    assert_eq!(login.needs.len(), 1, "what only Windows needs is not in this lock file");
}

#[test]
fn a_python_lock_that_is_not_understood_is_refused() {
    for bad in [
        UV_LOCK.replacen("version = 1", "version = 2", 1),
        UV_LOCK.replace("{ name = \"idna\" }", "{ name = \"other\" }"),
        UV_LOCK.replace("sha256:e3", "md5:e3"),
        UV_LOCK.replace("registry =", "elsewhere ="),
        UV_LOCK.replace("version = \"3.10\"\n", ""),
        format!("{UV_LOCK}\n[[package]"),
    ] {
        assert_ne!(bad, UV_LOCK);
        assert!(uv_lock(&bad).is_err(), "{bad}");
    }
    for bad in [
        POETRY_LOCK.replace("lock-version = \"2.1\"", "lock-version = \"1.1\""),
        POETRY_LOCK.replace("werkzeug = \"", "other = \""),
        POETRY_LOCK.replace("sha256:e3", "sha256:zz"),
        POETRY_LOCK.replace("type = \"git\"", "type = \"moon\""),
    ] {
        assert_ne!(bad, POETRY_LOCK);
        assert!(poetry_lock(&bad).is_err(), "{bad}");
    }
}

#[test]
fn an_spdx_document_gives_versions_digests_licences_and_what_needs_what() {
    let inventory = spdx(SPDX).unwrap();
    let (png, zlib) = ("pkg:deb/debian/libpng1.6@1.6.44?arch=source", "pkg:generic/zlib@1.3.1");
    assert_eq!(purls(&inventory), [png, zlib], "what it describes is no component of itself");
    let (_, found) = inventory.components().next().unwrap();
    assert_eq!(found.licence.as_deref(), Some("libpng-2.0 OR Zlib"), "where none is concluded");
    assert_eq!(found.needs.iter().map(|purl| purl.as_str()).collect::<Vec<_>>(), [zlib]);
    let (_, found) = inventory.components().nth(1).unwrap();
    assert_eq!((&*found.name, &*found.version), ("zlib", "1.3.1"));
    assert!(found.hashes["SHA-256"].starts_with("9a93b2b7"));
    assert_eq!(found.licence.as_deref(), Some("Zlib"));
}

#[test]
fn both_versions_of_spdx_say_the_same() {
    assert_eq!(spdx(SPDX_3).unwrap(), spdx(SPDX).unwrap());
    let described = SPDX_3.replace("\"rootElement\": [\"urn:spdx:sbom\"]", "\"comment\": \"\"");
    assert!(spdx(&described).unwrap_err().to_string().contains("urn:spdx:payments"));
    let listed = SPDX_3.replace("\"urn:spdx:theirs\"]", "\"https://spdx.org/licenses/Zlib\"]");
    assert_eq!(spdx(&listed).unwrap(), spdx(SPDX).unwrap());
}

#[test]
fn an_spdx_3_document_that_is_not_understood_says_where() {
    let zlib = "\"name\": \"zlib\", \"software_packageVersion\": \"1.3.1\",";
    for (what, with, says) in [
        ("rdf/3.0.1", "rdf/4.0.0", "\"@context\""),
        ("\"specVersion\": \"3.0.1\"", "\"specVersion\": \"3.1.0\"", "specVersion"),
        ("\"type\": \"CreationInfo\"", "\"type\": \"Tool\"", "specVersion"),
        ("\"@graph\"", "\"graph\"", "missing field `@graph`"),
        (zlib, "\"name\": \"zlib\",", "urn:spdx:zlib\": a package without version"),
        (zlib, "\"name\": 1,", "invalid type"),
        (zlib, "\"name\": \"zlib\", \"name\": \"zlib\",", "duplicate field"),
        ("9a93b2b7", "9a93b2", "urn:spdx:zlib\": a malformed hash"),
        ("\"sha256\"", "\"sha999\"", "urn:spdx:zlib\": an unknown algorithm"),
        ("\"sha256\"", "\"SHA256\"", "urn:spdx:zlib\": an unknown algorithm"),
        ("pkg:generic/zlib@1.3.1", "zlib", "urn:spdx:zlib\": its package-url is malformed"),
        ("\"software_packageUrl\"", "\"software_url\"", "without package-url"),
        (
            "\"name\": \"libpng\"",
            "\"name\": \"libpng\", \"software_packageUrl\": \"pkg:generic/libpng@1\"",
            "urn:spdx:libpng\": a package with several package-urls",
        ),
        (
            "\"to\": [\"urn:spdx:zlib\"]",
            "\"to\": \"urn:spdx:other\"",
            "urn:spdx:other\": something",
        ),
        ("\"to\": [\"urn:spdx:zlib\"]", "\"to\": [{}]", "did not match any variant"),
        ("\"complete\"", "\"incomplete\"", "says of itself that it is incomplete"),
        ("\"spdxId\": \"urn:spdx:libpng\"", "\"spdxId\": \"urn:spdx:zlib\"", "stands twice"),
        ("\"spdxId\": \"urn:spdx:zlib\", ", "", "zlib\": a package without spdxId"),
        (
            "\"to\": [\"urn:spdx:theirs\"]",
            "\"to\": [\"urn:spdx:bank\"]",
            "is no licence expression",
        ),
        (
            "\"to\": [\"urn:spdx:theirs\"]",
            "\"to\": [\"urn:spdx:theirs\", \"urn:spdx:either\"]",
            "urn:spdx:zlib\": has two licences",
        ),
        (
            "pkg:deb/debian/libpng1.6@1.6.44?arch=source",
            "pkg:generic/zlib@1.3.1",
            "another one of this package-url",
        ),
    ] {
        let changed = SPDX_3.replacen(what, with, 1);
        assert_ne!(changed, SPDX_3, "{what}");
        let error = spdx(&changed).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn an_spdx_document_of_one_package_lists_it() {
    let mut document: Value = serde_json::from_str(SPDX).unwrap();
    let zlib = document["packages"][1].clone();
    document["packages"] = Value::Array(vec![zlib]);
    document["relationships"] = Value::Array(vec![]);
    document["documentDescribes"] = serde_json::json!(["SPDXRef-zlib"]);
    assert_eq!(purls(&spdx(&document.to_string()).unwrap()), ["pkg:generic/zlib@1.3.1"]);
}

#[test]
fn an_spdx_document_that_is_not_understood_says_where() {
    let version = "\"name\": \"zlib\", \"versionInfo\": \"1.3.1\",";
    for (what, with, says) in [
        ("SPDX-2.3", "SPDX-2.2", "spdxVersion"),
        ("\"spdxVersion\": \"SPDX-2.3\",", "", "missing field `spdxVersion`"),
        ("CC0-1.0", "MIT", "dataLicense"),
        ("\"SPDXRef-DOCUMENT\",\n  \"name\"", "\"SPDXRef-OTHER\",\n  \"name\"", "SPDXID"),
        ("[\"Organization: Bank\"]", "[]", "creators"),
        ("\"packages\"", "\"package\"", "missing field `packages`"),
        (version, "\"name\": \"zlib\",", "SPDXRef-zlib\": a package without version"),
        (version, "\"name\": 1, \"versionInfo\": \"1.3.1\",", "invalid type"),
        ("9a93b2b7", "9A93b2b7", "SPDXRef-zlib\": a malformed checksum"),
        ("9a93b2b7", "9a93b2", "SPDXRef-zlib\": a malformed checksum"),
        ("\"SHA256\"", "\"SHA999\"", "SPDXRef-zlib\": an unknown algorithm"),
        ("pkg:generic/zlib@1.3.1", "zlib", "SPDXRef-zlib\": its package-url is malformed"),
        ("pkg:generic/zlib@1.3.1", "pkg:generic/zlib 1", "its package-url is malformed"),
        ("\"purl\",\n        \"ref", "\"url\",\n        \"ref", "without package-url"),
        (
            "\"SECURITY\", \"referenceType\": \"cpe23Type\"",
            "\"PACKAGE-MANAGER\", \"referenceType\": \"purl\"",
            "several package-urls",
        ),
        (
            "\"SPDXRef-zlib\", \"relationshipType\"",
            "\"SPDXRef-xlib\", \"relationshipType\"",
            "SPDXRef-xlib\": something depends on it",
        ),
        ("\"SPDXRef-libpng\", \"name\"", "\"SPDXRef-zlib\", \"name\"", "the id stands twice"),
        (
            "pkg:deb/debian/libpng1.6@1.6.44?arch=source",
            "pkg:generic/zlib@1.3.1",
            "SPDXRef-libpng\": another one of this package-url",
        ),
        (
            "\"name\": \"payments\",\n  \"doc",
            "\"name\": \"\", \"name\": \"x\",\n  \"doc",
            "duplicate field",
        ),
    ] {
        let changed = SPDX.replacen(what, with, 1);
        assert_ne!(changed, SPDX, "{what}");
        let error = spdx(&changed).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_cyclonedx_document_gives_versions_digests_licences_and_what_needs_what() {
    let inventory = cyclonedx_taken(CYCLONEDX).unwrap();
    let (all, common) =
        ("pkg:maven/io.netty/netty-all@4.1.115", "pkg:maven/io.netty/netty-common@4.1.115");
    assert_eq!(purls(&inventory), [all, common], "nested ones too; neither itself nor a file");
    let (_, found) = inventory.components().next().unwrap();
    assert_eq!((&*found.name, &*found.version), ("io.netty/netty-all", "4.1.115"));
    assert_eq!(found.licence.as_deref(), Some("Apache-2.0 AND MIT"), "each has to be kept");
    assert!(found.hashes["SHA-256"].starts_with("9a93b2b7"));
    assert_eq!(found.needs.iter().map(|purl| purl.as_str()).collect::<Vec<_>>(), [common]);
    let (_, found) = inventory.components().nth(1).unwrap();
    assert_eq!(found.licence.as_deref(), Some("Apache-2.0 OR MIT"));
}

#[test]
fn a_bill_of_materials_that_is_taken_in_again_lists_the_same() {
    for (language, text) in sboms().unwrap() {
        let mut again: Value = serde_json::from_str(&text).unwrap();
        for one in again["components"].as_array_mut().unwrap() {
            // What is installed from a repository is told by its address alone.
            if one["version"] == "" {
                assert!(one["purl"].as_str().unwrap().contains("vcs_url"), "{one}");
                one["version"] = Value::from("0");
            }
        }
        let components = again["components"].as_array().unwrap().len();
        for version in ["1.4", "1.5", "1.6", "1.7"] {
            again["specVersion"] = Value::from(version);
            let inventory = cyclonedx_taken(&again.to_string()).unwrap();
            assert_eq!(inventory.len(), components, "{language}");
            let written = again["components"].as_array().unwrap();
            for ((purl, found), one) in inventory.components().zip(written) {
                assert_eq!(one["purl"], purl.as_str());
                assert_eq!(one["name"], found.name.as_str());
                assert_eq!(one["version"], found.version.as_str());
                let hashes = one["hashes"].as_array().map_or(0, Vec::len);
                assert_eq!(hashes, found.hashes.len());
                let licence = &one["licenses"][0];
                let said = licence["expression"].as_str().or(licence["license"]["name"].as_str());
                assert_eq!(said, found.licence.as_deref());
            }
        }
    }
}

#[test]
fn a_cyclonedx_document_that_is_not_understood_says_where() {
    let hash = "9A93B2B7DFDAC77CEBA5A558A580E74667DD6FEDE4585B91EEFB60F03B72DF23";
    for (what, with, says) in [
        ("\"CycloneDX\"", "\"Cyclone\"", "bomFormat"),
        ("\"1.7\"", "\"2.0\"", "specVersion"),
        ("\"specVersion\": \"1.7\",", "", "missing field `specVersion`"),
        ("  \"components\": [\n    {", "  \"parts\": [\n    {", "missing field `components`"),
        ("\"complete\"", "\"incomplete\"", "says of itself that it is incomplete"),
        ("\"version\": \"4.1.115\", ", "", "\"netty\": a component without version"),
        ("\"name\": \"netty-all\"", "\"name\": 1", "invalid type"),
        (hash, "9A93", "\"netty\": a malformed hash"),
        ("SHA-256", "SHA-999", "\"netty\": an unknown algorithm"),
        ("SHA-256", "Streebog-512", "\"netty\": a malformed hash"),
        ("pkg:maven/io.netty/netty-all", "netty-all", "\"netty\": its package-url is malformed"),
        (", \"purl\": \"pkg:maven/io.netty/netty-all@4.1.115\"", "", "without package-url"),
        ("\"type\": \"file\"", "\"type\": \"data\"", "\"notice\": a component without package-url"),
        ("\"dependsOn\": [\"common\"", "\"dependsOn\": [\"other\"", "\"other\": something depends"),
        ("{\"ref\": \"netty\"", "{\"ref\": \"nett\"", "\"nett\": something depends"),
        (
            "\"bom-ref\": \"common\"",
            "\"bom-ref\": \"netty\"",
            "\"netty\": the bom-ref stands twice",
        ),
        ("netty/netty-common@", "netty/netty-all@", "has another name or version"),
        ("{\"id\": \"MIT\"}", "{}", "\"netty\": a licence is"),
        ("\"specVersion\"", "\"specVersion\": \"1.7\", \"specVersion\"", "duplicate field"),
    ] {
        let changed = CYCLONEDX.replacen(what, with, 1);
        assert_ne!(changed, CYCLONEDX, "{what}");
        let error = cyclonedx_taken(&changed).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_bill_of_materials_is_the_same_each_time_and_whole() {
    let again = sboms().unwrap();
    for ((language, text), (_, same)) in sboms().unwrap().iter().zip(&again) {
        assert_eq!(text, same);
        let bom: Value = serde_json::from_str(text).unwrap();
        assert_eq!(bom["specVersion"], "1.6", "{language}");
        let components = bom["components"].as_array().unwrap();
        assert_eq!(bom["dependencies"].as_array().unwrap().len(), components.len() + 1);
        assert!(bom["serialNumber"].as_str().unwrap().starts_with("urn:uuid:"));
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "(\\[\\[package\\]\\]|name|version| = |\"|a|1|\\n|=|\\[|\\]|-|;|#|@|:|\\\\){0,40}") {
        drop(cargo_lock(&text));
        drop(requirements(&text));
        drop(package_lock(text.as_bytes()));
        drop(cyclonedx_taken(&CYCLONEDX.replacen("io.netty", &text.replace('"', "'"), 1)));
        drop(spdx(&SPDX_3.replacen("urn:spdx:zlib", &text.replace('"', "'"), 1)));
        drop(spdx(&SPDX.replacen("pkg:generic/zlib@1.3.1", &text.replace('"', "'"), 1)));
    }
}
