//! Git over HTTP, tried with the real `git` program, a real server and real hook processes.

mod access;
mod pushes;
mod requests;
mod server;

/// Not a claim: Git starts this very program as its hook, and this is where it arrives.
#[test]
fn hook_process() {
    let Ok(kind) = std::env::var("SLUSS_TEST_HOOK") else { return };
    let reply =
        sluss_engine::forge::ask(&kind, &mut std::io::stdin(), &|name| std::env::var(name).ok());
    for message in &reply.messages {
        eprintln!("{message}");
    }
    std::process::exit(i32::from(!reply.accept));
}
