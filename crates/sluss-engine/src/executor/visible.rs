//! What a step sees of the machine: the system, read-only, and the tools on its path.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sluss_core::pipeline::StepKind;

/// Folders of the system that every step may read.
pub(crate) const SYSTEM: [&str; 10] = [
    "/usr",
    "/etc",
    "/opt",
    "/nix",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/run/systemd/resolve",
];

/// Variables that name the root of a toolchain, and where that is when they are not set.
const TOOLCHAINS: [(&str, &str); 9] = [
    ("RUSTUP_HOME", ".rustup"),
    ("PYENV_ROOT", ".pyenv"),
    ("NVM_DIR", ".nvm"),
    ("GOROOT", ""),
    ("JAVA_HOME", ""),
    ("VOLTA_HOME", ".volta"),
    ("FNM_DIR", ""),
    ("ASDF_DATA_DIR", ".asdf"),
    ("SDKMAN_DIR", ".sdkman"),
];

/// Variables that every step is given as they are.
const ALWAYS: [&str; 6] = ["PATH", "LANG", "LC_ALL", "TZ", "CI", "RUSTUP_TOOLCHAIN"];

/// Variables that only steps with the network are given: how to reach registries.
const FOR_FETCHING: [&str; 17] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "PIP_INDEX_URL",
    "PIP_FIND_LINKS",
    "GOPROXY",
    "CARGO_HTTP_CAINFO",
];

/// Where a step finds its folders, under the names that it sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) work_tree: &'a Path,
    pub(crate) cache: &'a Path,
    pub(crate) temporary: &'a Path,
    /// The `sluss` that steps may call, as `$SLUSS`.
    pub(crate) sluss: &'a Path,
}

/// Returns the toolchains of whoever runs the launcher that are not part of the system.
pub(crate) fn toolchains() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut found = BTreeSet::new();
    for (variable, in_home) in TOOLCHAINS {
        let default = || match &home {
            Some(home) if !in_home.is_empty() => Some(home.join(in_home)),
            Some(_) | None => None,
        };
        found.extend(std::env::var_os(variable).map(PathBuf::from).or_else(default));
    }
    for entry in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        // A program often has its own files beside the folder that it is in.
        if let Some(root) = entry.parent().filter(|_| entry.ends_with("bin")) {
            found.extend(["lib", "lib64", "libexec"].map(|beside| root.join(beside)));
        }
        found.insert(entry);
    }
    found.into_iter().filter(|path| is_toolchain(path, home.as_deref())).collect()
}

/// Says whether `path` is a folder outside the system that may be shown without showing a home.
fn is_toolchain(path: &Path, home: Option<&Path>) -> bool {
    let system = SYSTEM.iter().any(|folder| path.starts_with(folder));
    let whole_home = home.is_some_and(|home| home.starts_with(path));
    path.is_absolute() && !system && !whole_home && path.components().count() > 2 && path.is_dir()
}

/// Returns the environment of a step: what every step has, then what its `own` is.
pub(crate) fn environment(
    kind: StepKind,
    places: Places<'_>,
    own: &BTreeMap<String, String>,
) -> BTreeMap<OsString, OsString> {
    let mut all = BTreeMap::new();
    let passed = |names: &[&str]| -> Vec<(OsString, OsString)> {
        let present = names.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
        present.map(|(name, value)| (OsString::from(name), value)).collect()
    };
    all.extend(passed(&ALWAYS));
    all.extend(passed(&TOOLCHAINS.map(|(name, _)| name)));
    match kind {
        StepKind::Fetch => all.extend(passed(&FOR_FETCHING)),
        StepKind::Run | StepKind::Acceptance => {}
    }
    if let (false, Some(home)) = (all.contains_key(&OsString::from("RUSTUP_HOME")), home()) {
        all.insert("RUSTUP_HOME".into(), home.join(".rustup").into());
    }
    let mut set = |name: &str, value: &Path| all.insert(name.into(), value.into());
    set("SLUSS_WORKSPACE", places.work_tree);
    set("SLUSS_CACHE", places.cache);
    set("TMPDIR", places.temporary);
    set("HOME", &places.cache.join("home"));
    set("CARGO_HOME", &places.cache.join("cargo"));
    set("GOPATH", &places.cache.join("go"));
    set("npm_config_cache", &places.cache.join("npm"));
    set("PIP_CACHE_DIR", &places.cache.join("pip"));
    all.entry("PATH".into()).or_insert_with(|| "/usr/local/bin:/usr/bin:/bin".into());
    all.entry("LANG".into()).or_insert_with(|| "C.UTF-8".into());
    all.insert("CI".into(), "true".into());
    all.extend(own.iter().map(|(name, value)| (name.into(), value.into())));
    all.insert("SLUSS".into(), places.sluss.into());
    all
}

/// Returns the configuration of cargo on this machine, which says where crates come from.
pub(crate) fn cargo_configuration() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let file = cargo.or_else(|| Some(home()?.join(".cargo")))?.join("config.toml");
    file.is_file().then_some(file)
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// Returns everything outside its own folders that a step may read where it shares the file
/// system of the machine.
pub(crate) fn readable() -> Vec<PathBuf> {
    let own = ["/proc", "/dev", "/sys/devices/system", "/sys/fs/cgroup"];
    let system = SYSTEM.into_iter().chain(own).map(PathBuf::from);
    system.chain(toolchains()).chain(cargo_configuration()).collect()
}
