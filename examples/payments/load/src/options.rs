//! The command line, parsed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How the program is called.
pub(crate) const USAGE: &str = "\
usage: payments-load --url URL [--url URL …] [--rate 200] [--seconds N] [--accounts 100]
                     [--arrivals poisson|even] [--connections 256] [--ledger FILE] [--json]
                     [--cut-every SECONDS]
       payments-load accept --url URL [--junit FILE]

Without --seconds it sends until SIGTERM or SIGINT. Several URLs are used in turn.";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send payments and reconcile.
    Load(Load),
    /// Check one instance.
    Accept(Accept),
}

/// How payments are sent.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) authorities: Vec<String>,
    pub(crate) rate_per_second: f64,
    pub(crate) duration: Option<Duration>,
    pub(crate) accounts: u64,
    pub(crate) arrivals: Arrivals,
    pub(crate) connections: usize,
    pub(crate) ledger: Option<PathBuf>,
    /// How far apart, on average, all connections are cut in the midst of what they carry.
    pub(crate) cut_every: Option<Duration>,
    pub(crate) output: Output,
}

/// How an instance is checked.
#[derive(Debug)]
pub(crate) struct Accept {
    pub(crate) authorities: Vec<String>,
    pub(crate) junit: Option<PathBuf>,
}

/// When payments are sent; none waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrivals {
    /// At random, as from many customers.
    Poisson,
    /// In equal steps.
    Even,
}

/// Who reads along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// A person.
    Text,
    /// A program.
    Json,
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut arguments = arguments.peekable();
    if arguments.next_if(|first| first == "accept").is_some() {
        return accept(arguments);
    }
    let mut load = Load {
        authorities: Vec::new(),
        rate_per_second: 200.0,
        duration: None,
        accounts: 100,
        arrivals: Arrivals::Poisson,
        connections: 256,
        ledger: None,
        cut_every: None,
        output: Output::Text,
    };
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
        match flag.as_str() {
            "--url" => load.authorities.extend(authorities(&value()?)?),
            "--rate" => load.rate_per_second = number(&flag, &value()?)?,
            "--seconds" => load.duration = Some(seconds(&flag, &value()?)?),
            "--cut-every" => load.cut_every = Some(seconds(&flag, &value()?)?),
            "--accounts" => load.accounts = number(&flag, &value()?)?,
            "--connections" => load.connections = number(&flag, &value()?)?,
            "--arrivals" => load.arrivals = arrivals(&value()?)?,
            "--ledger" => load.ledger = Some(value()?.into()),
            "--json" => load.output = Output::Json,
            _ => return Err(format!("{flag} is not known")),
        }
    }
    if load.authorities.is_empty() {
        return Err("--url is missing".to_owned());
    }
    if !(load.rate_per_second > 0.0 && load.rate_per_second <= 1e6) {
        return Err("--rate is above 0 and at most 1000000".to_owned());
    }
    if load.accounts < 2 || load.connections < 1 {
        return Err("--accounts is at least 2, --connections at least 1".to_owned());
    }
    Ok(Command::Load(load))
}

fn accept(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut accept = Accept { authorities: Vec::new(), junit: None };
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{flag} needs a value"));
        match flag.as_str() {
            "--url" => accept.authorities.extend(authorities(&value()?)?),
            "--junit" => accept.junit = Some(value()?.into()),
            _ => return Err(format!("{flag} is not known")),
        }
    }
    if accept.authorities.is_empty() {
        return Err("--url is missing".to_owned());
    }
    Ok(Command::Accept(accept))
}

fn authorities(urls: &str) -> Result<Vec<String>, String> {
    urls.split(',')
        .map(|url| {
            let rest = url.strip_prefix("http://").ok_or(format!("{url} is not http://…"))?;
            let authority = rest.trim_end_matches('/');
            if authority.is_empty() || authority.contains('/') {
                return Err(format!("{url} is not http://HOST:PORT"));
            }
            let port = if authority.contains(':') { "" } else { ":80" };
            Ok(format!("{authority}{port}"))
        })
        .collect()
}

fn arrivals(word: &str) -> Result<Arrivals, String> {
    match word {
        "poisson" => Ok(Arrivals::Poisson),
        "even" => Ok(Arrivals::Even),
        other => Err(format!("--arrivals is poisson or even, not {other}")),
    }
}

fn seconds(flag: &str, value: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number(flag, value)?).map_err(|error| format!("{flag}: {error}"))
}

fn number<T: FromStr>(flag: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{flag} takes a number, not {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn several_urls_may_be_given() {
        let Ok(Command::Load(load)) = words("--url http://a:1,http://b:2/ --url http://c") else {
            panic!("not parsed");
        };
        assert_eq!(load.authorities, ["a:1", "b:2", "c:80"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(words("--url http://a:1 --rate fast").is_err_and(|text| text.contains("--rate")));
        assert!(words("--rate 5").is_err_and(|text| text.contains("--url")));
        assert!(words("accept --url http://a --rate 5").is_err_and(|text| text.contains("--rate")));
    }
}
