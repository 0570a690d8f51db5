//! A host alone, for tests that kill it and replace it: `host DATA [--take-over]`.

/// Runs a host from the folder that is its first argument, until it is interrupted.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = std::env::args_os().nth(1).ok_or("give the data folder: host DATA")?;
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let mut options = sluss_host::HostOptions::new(data);
    options.takes_over = std::env::args().nth(2).is_some_and(|flag| flag == "--take-over");
    Ok(sluss_host::serve(options, interrupted).await?)
}
