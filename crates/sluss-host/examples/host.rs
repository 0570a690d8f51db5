//! A host alone, for tests that kill it: `host DATA`.

/// Runs a host from the folder that is its one argument, until it is interrupted.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = std::env::args_os().nth(1).ok_or("give the data folder: host DATA")?;
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(sluss_host::serve(sluss_host::HostOptions::new(data), interrupted).await?)
}
