//! The first start: an account for whoever starts Sluss, and what the command line needs to find
//! it again.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sluss_engine::failure::Failure;
use sluss_store::{Accounts, Entropy as _, NewAccount, NewToken, SystemClock, SystemEntropy};

use crate::serve::Serve;

/// How the command line finds an installation, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Where it is, such as `http://127.0.0.1:8440`.
    pub url: String,
    /// The token that reads and acts with the person's roles, but decides nothing.
    pub token: String,
    /// The person's login.
    pub login: String,
    /// The data folder, where that is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
}

/// Returns where the command line remembers its connection.
pub fn connection_file() -> PathBuf {
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".config")
    });
    base.join("sluss").join("connection.json")
}

/// Writes a file that only its owner reads.
///
/// # Errors
///
/// When it can't be written.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Opens the accounts of a data folder.
///
/// # Errors
///
/// When they can't be opened.
pub async fn accounts(data: &Path) -> Result<Accounts, Failure> {
    Accounts::open(data, Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
        .await
        .map_err(|error| Failure::upstream("The accounts can't be opened", &error))
}

/// Returns a random password that can be read out.
///
/// # Errors
///
/// When the machine has no randomness.
pub fn password() -> Result<String, Failure> {
    let mut bytes = [0; 15];
    SystemEntropy
        .fill(&mut bytes)
        .map_err(|error| Failure::upstream("There is no randomness", &error))?;
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters: Vec<char> =
        bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let words: Vec<String> = letters.chunks(5).map(|word| word.iter().collect()).collect();
    Ok(words.join("-"))
}

/// Makes an account for whoever starts a fresh installation, and says so.
///
/// # Errors
///
/// When it can't be made.
pub async fn first_account(options: &Serve) -> Result<(), Failure> {
    let accounts = accounts(&options.data).await?;
    let wrong = |error: sluss_store::AccountError| {
        Failure::upstream("The first account can't be made", &error)
    };
    if !accounts.all().await.map_err(wrong)?.is_empty() {
        return Ok(());
    }
    let user = std::env::var("USER").unwrap_or_default().to_lowercase();
    let usable = !user.is_empty()
        && user.len() <= 30
        && user.starts_with(|c: char| c.is_ascii_lowercase())
        && user.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let login = if usable { user } else { "admin".to_owned() };
    let password = password()?;
    let new = NewAccount {
        login: login.clone(),
        name: login.clone(),
        emails: git_email().into_iter().collect(),
        password: password.clone(),
    };
    accounts.create(new).await.map_err(wrong)?;
    let scopes = ["read", "write"].map(str::to_owned).to_vec();
    let new = NewToken { name: "command line".to_owned(), scopes, expires: None };
    let (token, _about) = accounts.create_token(&login, new).await.map_err(wrong)?;
    accounts.close().await;
    let url = format!("http://{}", options.listen);
    let data = std::path::absolute(&options.data).ok();
    let connection = Connection { url: url.clone(), token, login: login.clone(), data };
    let text = serde_json::to_string_pretty(&connection).unwrap_or_default();
    let file = connection_file();
    write_private(&file, &text)
        .map_err(|error| Failure::upstream("The connection can't be remembered", &error))?;
    eprintln!("Made your account; the password is shown this once:");
    eprintln!("  sign in    {}", options.address.as_ref().map_or(url.clone(), ToString::to_string));
    eprintln!("  login      {login}");
    eprintln!("  password   {password}");
    eprintln!("The command line is signed in by {}", file.display());
    eprintln!("No second person and no gate is required yet. Where to change that:");
    eprintln!("  {}", clone_platform(&url));
    eprintln!("  then `four_eyes` and `require` in organisation.yaml, and push it");
    Ok(())
}

/// Returns the command that clones the platform repository.
pub fn clone_platform(url: &str) -> String {
    let helper = format!("--config credential.{url}.helper='!sluss git-credential'");
    format!("git clone {helper} {url}/git/platform.git")
}

/// Returns the address that this user's commits carry.
fn git_email() -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["config", "--global", "user.email"])
        .output()
        .ok()?;
    let email = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    email.contains('@').then_some(email)
}
