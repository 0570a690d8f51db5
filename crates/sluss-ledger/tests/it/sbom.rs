//! Lock files become bills of materials, or say which line is not understood.

use proptest::prelude::*;
use serde_json::Value;
use sluss_ledger::sample::predicates::{
    CARGO_LOCK, PACKAGE_LOCK, POETRY_LOCK, REQUIREMENTS, SPDX, UV_LOCK, sboms,
};
use sluss_ledger::sbom::{
    Inventory, cargo_lock, package_lock, poetry_lock, requirements, spdx, uv_lock,
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
            "SPDXRef-libpng\": another package has its package-url",
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
        drop(spdx(&SPDX.replacen("pkg:generic/zlib@1.3.1", &text.replace('"', "'"), 1)));
    }
}
