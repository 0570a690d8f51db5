//! Repositories of many shapes, and what is proposed for them.

use expect_test::{Expect, expect};

use super::super::{Catalogue, Defaults, Source};
use super::*;

/// Prints the proposal for a repository, after it was resolved with the built-in templates.
fn check(name: &str, files: &[(&str, &str)], expected: Expect) {
    let proposal = detect(&Listing::new(name, files.iter().copied()));
    let mut text = proposal.sluss_yaml.clone();
    for why in &proposal.why {
        text.push_str(&format!("- {why}\n"));
    }
    for other in &proposal.alternatives {
        text.push_str(&format!("or {}\n", other.template));
        resolves(&other.sluss_yaml);
    }
    resolves(&proposal.sluss_yaml);
    expected.assert_eq(&text);
}

fn resolves(text: &str) {
    let source = Source::new("sluss.yaml", text.as_bytes()).unwrap();
    let resolved = Catalogue::built_in().resolve(&source, &Defaults::default());
    assert!(resolved.is_ok(), "{text}\n{}", resolved.unwrap_err());
}

#[test]
fn a_crate_with_a_main_is_a_rust_service() {
    let manifest = "[package]\nname = \"Ledger_API\"\n";
    let main = "Router::new().route(\"/ready\", get(ready)); env::var(\"PORT\")";
    let files = [("Cargo.toml", manifest), ("Cargo.lock", ""), ("src/main.rs", main)];
    check(
        "repo",
        &files,
        expect![[r#"
        service: ledger-api
        template: rust-service@1
        with:
          port: 8080
          binary: Ledger_API
        - rust-service@1: Cargo.toml, with the binary `Ledger_API`
        - ready when `/ready` answers 200: it is in the code
    "#]],
    );
}

#[test]
fn a_workspace_gives_the_first_binary_and_names_the_others() {
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"api\", \"tool\"]\n"),
        ("api/Cargo.toml", "[package]\nname = \"api\"\n"),
        ("api/src/main.rs", "TcpListener::bind(\"127.0.0.1:9000\")"),
        ("tool/Cargo.toml", "[package]\nname = \"tool\"\n[[bin]]\nname = \"the-tool\"\n"),
    ];
    check(
        "shop",
        &files,
        expect![[r#"
        service: api
        template: rust-service@1
        with:
          port: 9000
          binary: api
          ready: ''
        - rust-service@1: Cargo.toml, with the binary `api`
        - further binaries stay out of the artifact unless `also` names them: the-tool
        - there is no Cargo.lock: commit one, since builds are locked
        - port 9000: `TcpListener::bind("127.0.0.1:9000")`
        - ready when it accepts a connection: no readiness path was found
        - nothing here mentions PORT: the service must listen on the port in $PORT
    "#]],
    );
}

#[test]
fn a_module_with_commands_is_a_go_service() {
    let main =
        "http.HandleFunc(\"/healthz\", ok)\nhttp.ListenAndServe(\":\"+os.Getenv(\"PORT\"), nil)";
    let files = [
        ("go.mod", "module example.org/team/orders\n\ngo 1.24\n"),
        ("cmd/orders/main.go", main),
        ("orders_test.go", ""),
    ];
    check(
        "x",
        &files,
        expect![[r#"
        service: orders
        template: go-service@1
        with:
          port: 8080
          package: cmd/orders
          ready: /healthz
        - go-service@1: go.mod, with the main package in cmd/orders/main.go
        - ready when `/healthz` answers 200: it is in the code
    "#]],
    );
}

#[test]
fn a_package_with_a_start_script_is_a_node_service() {
    let package = r#"{"name": "@acme/web-shop", "scripts": {"start": "node src/server.js",
        "build": "tsc", "test": "jest"}, "dependencies": {"express": "4"}}"#;
    let server = "app.get('/health', ok); app.listen(process.env.PORT || 3000)";
    check(
        "x",
        &[("package.json", package), ("src/server.js", server)],
        expect![[r#"
        service: web-shop
        template: node-service@1
        with:
          port: 3000
          start: node src/server.js
          build: npm run build
          test: npm test
          ready: /health
        - node-service@1: package.json; it starts by the script `start`
        - built by the script `build`
        - there is no package-lock.json: commit one, since only it is installed from
        - port 3000: `app.get('/health', ok); app.listen(process.env.PORT || 3000)`
        - ready when `/health` answers 200: it is in the code
    "#]],
    );
}

#[test]
fn a_package_without_scripts_starts_its_main_file() {
    let package = r#"{"name": "hello", "main": "./index.js"}"#;
    check(
        "x",
        &[("package.json", package), ("index.js", "listen(3000)")],
        expect![[r#"
        service: hello
        template: node-service@1
        with:
          port: 3000
          start: node index.js
          test: ''
        - node-service@1: package.json; it starts by the file index.js
        - no tests were found: nothing is asked of them until `test` says how
        - port 3000: `listen(3000)`
        - ready when it accepts a connection: no readiness path was found
        - nothing here mentions PORT: the service must listen on the port in $PORT
    "#]],
    );
}

#[test]
fn a_script_of_the_standard_library_is_a_python_service() {
    let main =
        "port = int(os.environ.get(\"PORT\", 8000))\nHTTPServer((\"\", port), H).serve_forever()";
    check(
        "Hello World!",
        &[("main.py", main), ("test_main.py", "")],
        expect![[r#"
        service: hello-world
        template: python-service@1
        with:
          port: 8000
          start: python3 main.py
        - python-service@1: main.py is the program
        - port 8000: `port = int(os.environ.get("PORT", 8000))`
        - ready when it accepts a connection: no readiness path was found
    "#]],
    );
}

#[test]
fn frameworks_of_python_are_started_in_their_own_way() {
    let fast = [("main.py", "app = FastAPI()"), ("requirements.txt", "fastapi\nuvicorn\n")];
    check(
        "fast",
        &fast,
        expect![[r#"
        service: fast
        template: python-service@1
        with:
          port: 8080
          start: 'python3 -m uvicorn main:app --host 127.0.0.1 --port $PORT'
          test: ''
        - python-service@1: main.py has an ASGI application
        - no tests were found: nothing is asked of them until `test` says how
        - ready when it accepts a connection: no readiness path was found
    "#]],
    );
    let flask = [("app.py", "app = Flask(__name__)"), ("requirements.txt", "flask\n")];
    check(
        "flask",
        &flask,
        expect![[r#"
        service: flask
        template: python-service@1
        with:
          port: 8080
          start: python3 -m flask --app app run --port $PORT
          test: ''
        - python-service@1: app.py has a Flask application
        - no tests were found: nothing is asked of them until `test` says how
        - ready when it accepts a connection: no readiness path was found
    "#]],
    );
    let procfile = [
        ("Procfile", "web: gunicorn shop.wsgi --log-file -\n"),
        ("manage.py", ""),
        ("requirements.txt", "django\n"),
    ];
    check(
        "django",
        &procfile,
        expect![[r#"
            service: django
            template: python-service@1
            with:
              port: 8080
              start: python3 -m gunicorn shop.wsgi --log-file -
              test: ''
            - python-service@1: `web` in the Procfile
            - no tests were found: nothing is asked of them until `test` says how
            - ready when it accepts a connection: no readiness path was found
            or command@1
        "#]],
    );
}

#[test]
fn a_makefile_that_runs_something_is_enough() {
    let make = "build:\n\tcc -o app app.c\ntest: build\n\t./check\nrun:\n\t./app --port $$PORT\n";
    check(
        "c-service",
        &[("Makefile", make), ("app.c", "")],
        expect![[r#"
        service: c-service
        template: command@1
        with:
          port: 8080
          start: make run
          build: make build
          test: make test
        - command@1: the Makefile has a target `run`
        - built by `make build`
        - tested by `make test`
        - ready when it accepts a connection: no readiness path was found
    "#]],
    );
}

#[test]
fn the_command_of_a_dockerfile_is_started_without_an_image() {
    let text = "FROM ruby\nEXPOSE 4567/tcp\nCMD [\"ruby\", \"app.rb\", \"-o\", \"it's\"]\n";
    check(
        "ruby",
        &[("Dockerfile", text), ("app.rb", "")],
        expect![[r#"
        service: ruby
        template: command@1
        with:
          port: 4567
          start: 'ruby app.rb -o ''it''\''''s'''
        - command@1: the Dockerfile says what is started; no image is built
        - no tests were found: nothing is asked of them until `test` says how
        - port 4567: `EXPOSE` in the Dockerfile
        - ready when it accepts a connection: no readiness path was found
        - nothing here mentions PORT: the service must listen on the port in $PORT
    "#]],
    );
}

#[test]
fn a_folder_with_a_page_is_served_as_files() {
    check(
        "site",
        &[("index.html", "<p>")],
        expect![[r#"
        service: site
        template: command@1
        with:
          port: 8080
          start: python3 -m http.server $PORT
          ready: /
        - command@1: index.html makes this a site of files
        - ready when `/` answers 200
    "#]],
    );
    check(
        "site",
        &[("public/index.html", "<p>")],
        expect![[r#"
        service: site
        template: command@1
        with:
          port: 8080
          start: python3 -m http.server --directory public $PORT
          ready: /
        - command@1: public/index.html makes this a site of files
        - ready when `/` answers 200
    "#]],
    );
}

#[test]
fn anything_else_gets_a_file_that_works_and_says_so() {
    check(
        "...",
        &[("README", "hello")],
        expect![[r#"
        service: service
        template: command@1
        with:
          port: 8080
          start: python3 -m http.server $PORT
        - command@1: nothing here says how a service is started
        - as it stands, this serves the folder's files: put your own command in `start`
    "#]],
    );
}

#[test]
fn the_likelier_language_comes_first_and_the_others_are_offered() {
    let files = [
        ("Cargo.toml", "[package]\nname = \"core\"\n"),
        ("src/main.rs", ""),
        ("package.json", r#"{"scripts": {"start": "vite"}}"#),
        ("index.html", ""),
    ];
    check(
        "both",
        &files,
        expect![[r#"
        service: core
        template: rust-service@1
        with:
          port: 8080
          binary: core
          ready: ''
        - rust-service@1: Cargo.toml, with the binary `core`
        - there is no Cargo.lock: commit one, since builds are locked
        - ready when it accepts a connection: no readiness path was found
        - nothing here mentions PORT: the service must listen on the port in $PORT
        or node-service@1
        or command@1
    "#]],
    );
}

#[test]
fn a_folder_is_listed_without_what_tools_made() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["src", "node_modules/x", ".git", "a/b/c/d"] {
        std::fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    for path in ["main.py", "src/a.py", "node_modules/x/i.js", ".git/HEAD", "a/b/c/d/deep"] {
        std::fs::write(folder.path().join(path), "text").unwrap();
    }
    std::fs::write(folder.path().join("image.png"), [0xff, 0xfe]).unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
    let listing = Listing::of_folder(folder.path()).unwrap();
    assert_eq!(listing.paths().collect::<Vec<_>>(), ["image.png", "main.py", "src/a.py"]);
    assert_eq!(listing.read("image.png"), Some(""));
}
