//! Repositories whose language has a template of its own.

use super::{Candidate, Listing};

/// Proposes `rust-service` where a crate has a binary.
pub(super) fn rust(listing: &Listing) -> Option<Candidate> {
    listing.read("Cargo.toml")?;
    let manifests = listing.paths().filter(|path| {
        *path == "Cargo.toml" || path.strip_suffix("/Cargo.toml").is_some_and(|p| !p.is_empty())
    });
    let mut binaries: Vec<(String, String)> = Vec::new();
    for manifest in manifests {
        let folder = manifest.strip_suffix("Cargo.toml").unwrap_or_default();
        let text = listing.read(manifest).unwrap_or_default();
        let main = format!("{folder}src/main.rs");
        if listing.has(&main) {
            binaries.extend(toml_value(text, "[package]", "name").map(|name| (name, main)));
        }
        let declared = toml_value(text, "[[bin]]", "name");
        let source = toml_value(text, "[[bin]]", "path").unwrap_or_else(|| "src/main.rs".into());
        binaries.extend(declared.map(|name| (name, format!("{folder}{source}"))));
    }
    let (binary, source) = binaries.first()?.clone();
    let mut found = Candidate::of("rust-service@1");
    found.because(format!("rust-service@1: Cargo.toml, with the binary `{binary}`"));
    found.with("binary", &binary);
    let others: Vec<&str> =
        binaries[1..].iter().map(|(name, _)| name.as_str()).filter(|n| *n != binary).collect();
    if !others.is_empty() {
        found.because(format!(
            "further binaries stay out of the artifact unless `also` names them: {}",
            others.join(", ")
        ));
    }
    if !listing.has("Cargo.lock") {
        found.because("there is no Cargo.lock: commit one, since builds are locked");
    }
    found.network(listing, &[listing.read(&source).unwrap_or_default()], Some("/ready"));
    found.name = Some(binary);
    Some(found)
}

/// Proposes `go-service` where a module has a main package.
pub(super) fn go(listing: &Listing) -> Option<Candidate> {
    let module = listing.read("go.mod")?;
    let main = ["main.go", "cmd/main.go"]
        .into_iter()
        .find(|path| listing.has(path))
        .or_else(|| listing.paths().find(|p| p.starts_with("cmd/") && p.ends_with("/main.go")))
        .or_else(|| {
            let root = listing.paths().filter(|p| p.ends_with(".go") && !p.contains('/'));
            root.into_iter()
                .find(|path| listing.read(path).is_some_and(|text| text.contains("package main")))
        })?;
    let mut found = Candidate::of("go-service@1");
    found.because(format!("go-service@1: go.mod, with the main package in {main}"));
    if let Some((package, _)) = main.rsplit_once('/') {
        found.with("package", package);
    }
    if !listing.paths().any(|path| path.ends_with("_test.go")) {
        found.with("test", "");
        found.because("no tests were found: nothing is asked of them until `test` says how");
    }
    found.network(listing, &[listing.read(main).unwrap_or_default()], None);
    let name = module.lines().find_map(|line| line.strip_prefix("module "));
    found.name = name.and_then(|name| name.trim().rsplit('/').next()).map(str::to_owned);
    Some(found)
}

/// Proposes `node-service` where a package says how it starts.
pub(super) fn node(listing: &Listing) -> Option<Candidate> {
    let text = listing.read("package.json")?;
    let package: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let script = |name: &str| package["scripts"][name].as_str().map(str::trim);
    let usual = ["server.js", "index.js", "app.js", "src/server.js", "src/index.js", "server.mjs"];
    let file = package["main"]
        .as_str()
        .map(|main| main.trim_start_matches("./"))
        .filter(|main| listing.has(main))
        .or_else(|| usual.into_iter().find(|path| listing.has(path)));
    let (start, why) = match (procfile_web(listing), script("start"), file) {
        (Some(web), _, _) => (web.to_owned(), "`web` in the Procfile".to_owned()),
        (None, Some(line), _) if is_one_command(line) && line.starts_with("node ") => {
            (line.to_owned(), "the script `start`".to_owned())
        }
        (None, Some(_), _) => ("npm start".to_owned(), "the script `start`".to_owned()),
        (None, None, Some(file)) => (format!("node {file}"), format!("the file {file}")),
        (None, None, None) => return None,
    };
    let mut found = Candidate::of("node-service@1");
    found.because(format!("node-service@1: package.json; it starts by {why}"));
    found.with("start", &start);
    if script("build").is_some() {
        found.with("build", "npm run build");
        found.because("built by the script `build`");
    }
    let tests = listing.paths().any(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.contains(".test.") || name.starts_with("test.") || path.starts_with("test/")
    });
    match script("test").filter(|line| !line.contains("no test specified")) {
        Some(line) if line.starts_with("node --test") => {}
        Some(_) => found.with("test", "npm test"),
        None if tests => {}
        None => {
            found.with("test", "");
            found.because("no tests were found: nothing is asked of them until `test` says how");
        }
    }
    if package["dependencies"].is_object() && !listing.has("package-lock.json") {
        found.because("there is no package-lock.json: commit one, since only it is installed from");
    }
    let main = start.split_whitespace().find(|word| listing.has(word)).or(file);
    let source = main.and_then(|path| listing.read(path)).unwrap_or_default();
    found.network(listing, &[source], None);
    found.name =
        package["name"].as_str().map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    Some(found)
}

/// Proposes `python-service` where a file is the service or a framework's application.
pub(super) fn python(listing: &Listing) -> Option<Candidate> {
    let usual = ["main.py", "app.py", "server.py", "wsgi.py", "asgi.py", "src/main.py"];
    let file = usual.into_iter().find(|path| listing.has(path));
    let requirements = listing.read("requirements.txt");
    let project = listing.read("pyproject.toml");
    if file.is_none() && requirements.is_none() && project.is_none() && !listing.has("manage.py") {
        return None;
    }
    let source = file.and_then(|path| listing.read(path)).unwrap_or_default();
    let (start, why) = python_start(listing, file, source)?;
    let mut found = Candidate::of("python-service@1");
    found.because(format!("python-service@1: {why}"));
    found.with("start", &start);
    let tests = listing.paths().any(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
    });
    if !tests {
        found.with("test", "");
        found.because("no tests were found: nothing is asked of them until `test` says how");
    }
    let declared = project.is_some_and(|text| text.contains("dependencies = ["));
    if requirements.is_none() && declared {
        found.because("pyproject.toml has dependencies: write them to requirements.txt as well");
    }
    let said = format!("{source}\n{start}");
    found.network(listing, &[&said], None);
    found.name = project.and_then(|text| toml_value(text, "[project]", "name"));
    Some(found)
}

fn python_start(listing: &Listing, file: Option<&str>, source: &str) -> Option<(String, String)> {
    const MODULES: [&str; 5] = ["gunicorn", "uvicorn", "flask", "hypercorn", "streamlit"];
    if let Some(web) = procfile_web(listing) {
        let program = web.split_whitespace().next().unwrap_or_default();
        let module = MODULES.contains(&program);
        let start = if module { format!("python3 -m {web}") } else { web.to_owned() };
        return Some((start, "`web` in the Procfile".to_owned()));
    }
    if listing.has("manage.py") {
        let start = "python3 manage.py runserver --noreload 127.0.0.1:$PORT";
        return Some((start.to_owned(), "manage.py, so a Django project".to_owned()));
    }
    let file = file?;
    let module = file.strip_suffix(".py").unwrap_or(file).replace('/', ".");
    let wanted = listing.read("requirements.txt").unwrap_or_default().to_lowercase();
    let listens = source.contains(".run(") || source.contains("serve_forever");
    let (start, why) = if source.contains("FastAPI(") || source.contains("Starlette(") {
        let start = format!("python3 -m uvicorn {module}:app --host 127.0.0.1 --port $PORT");
        (start, "has an ASGI application")
    } else if source.contains("Flask(") && wanted.contains("gunicorn") {
        (
            format!("python3 -m gunicorn --bind 127.0.0.1:$PORT {module}:app"),
            "has a Flask application",
        )
    } else if source.contains("Flask(") && !listens {
        (format!("python3 -m flask --app {module} run --port $PORT"), "has a Flask application")
    } else {
        (format!("python3 {file}"), "is the program")
    };
    Some((start, format!("{file} {why}")))
}

/// Returns the command of the process `web`, if it is one command.
pub(super) fn procfile_web(listing: &Listing) -> Option<&str> {
    let web = listing.read("Procfile")?.lines().find_map(|line| line.strip_prefix("web:"))?.trim();
    (!web.is_empty() && is_one_command(web)).then_some(web)
}

/// Returns whether `exec` can take the line.
fn is_one_command(line: &str) -> bool {
    !line.contains(['|', ';', '&', '\n'])
        && !line.split_whitespace().next().unwrap_or_default().contains('=')
}

/// Returns the text of a key in the first section of that name: all of TOML that is needed here.
fn toml_value(text: &str, section: &str, key: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| {
            let (found, value) = line.split_once('=')?;
            let value = value.trim().strip_prefix('"')?;
            (found.trim() == key).then(|| value.split('"').next().unwrap_or_default().to_owned())
        })
}
