//! What a proof is asked for.

use std::path::PathBuf;
use std::time::Duration;

use super::chaos::Blow;
use super::variants::Kind;

/// How a proof is called.
pub const USAGE: &str = "\
usage: cargo xtask prove [--minutes 60] [--rate 280] [--services 4] [--every 30s] [--seed N]
                         [--bad-one-in 5] [--kinds WORD,…] [--chaos none | WHAT=SECONDS,…]
                         [--short] [--out FOLDER] [--json] [--keep]

--minutes   how long customers pay
--rate      payments a second, over all services
--services  how many services there are
--every     how often something is released somewhere
--kinds     which bad releases are tried: fails, fails-often, slow, gushes, start, crashes,
            lies, kind, late; all that fit into the time unless told
--seed      makes kinds of releases and instants of blows the same again
--chaos     how many seconds lie between two blows on average, each kind by itself:
            control=120,host=240,instance=90,database=60,cut=45 unless told
--short     two services for two minutes, as CI runs it
--out       where the page and the JSON are written (target/prove/out)
--json      prints the JSON instead of the table
--keep      keeps the state of a run that did not succeed";

/// What a proof is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How long customers pay.
    pub lasts: Duration,
    /// Payments a second, over all services.
    pub rate: f64,
    /// How many services.
    pub services: usize,
    /// How often something is released somewhere.
    pub every: Duration,
    /// Of how many releases one is bad.
    pub bad_one_in: usize,
    /// Which bad kinds are tried.
    pub kinds: Vec<Kind>,
    /// What chance begins with.
    pub seed: u64,
    /// How far apart the blows of each kind are, in seconds on average.
    pub blows: Vec<(Blow, f64)>,
    /// Where the page and the JSON are written.
    pub out: PathBuf,
    /// Whether the JSON is printed instead of the table.
    pub json: bool,
    /// Whether the state of a run that did not succeed is kept.
    pub keep: bool,
}

impl Options {
    /// Reads the words of a command line.
    ///
    /// # Errors
    ///
    /// A sentence that names the word that is wrong.
    pub fn read(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        if words.iter().any(|word| word == "--short") {
            options.shorten();
        }
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--minutes" => options.lasts = minutes(value()?)?,
                "--rate" => options.rate = number(word, value()?)?,
                "--services" => options.services = whole(word, value()?)?,
                "--every" => options.every = seconds(word, value()?)?,
                "--bad-one-in" => options.bad_one_in = whole::<usize>(word, value()?)?.max(1),
                "--kinds" => options.kinds = kinds(value()?)?,
                "--seed" => options.seed = whole(word, value()?)?,
                "--chaos" => options.blows = blows(value()?)?,
                "--out" => options.out = value()?.into(),
                "--short" => {}
                "--json" => options.json = true,
                "--keep" => options.keep = true,
                other => return Err(format!("{other} is not known")),
            }
        }
        match options.services {
            1..=26 => Ok(options),
            _other => Err("--services is 1 to 26".to_owned()),
        }
    }

    /// What CI runs.
    fn shorten(&mut self) {
        self.lasts = Duration::from_secs(110);
        self.services = 2;
        self.every = Duration::from_secs(14);
        self.bad_one_in = 2;
        let short = |blow| match blow {
            Blow::Control => 40.0,
            Blow::Host => 60.0,
            Blow::Instance => 40.0,
            Blow::Database | Blow::Cut => 30.0,
        };
        self.blows = Blow::ALL.into_iter().map(|blow| (blow, short(blow))).collect();
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lasts: Duration::from_secs(3_600),
            rate: 280.0,
            services: 4,
            every: Duration::from_secs(30),
            bad_one_in: 5,
            kinds: Kind::BAD.to_vec(),
            seed: fastrand::u64(..1_000_000),
            blows: Blow::ALL.into_iter().map(|blow| (blow, blow.usual_seconds())).collect(),
            out: PathBuf::from("target/prove/out"),
            json: false,
            keep: false,
        }
    }
}

fn number(word: &str, value: &str) -> Result<f64, String> {
    let found: f64 = value.parse().map_err(|_| format!("{word} takes a number, not {value}"))?;
    match found > 0.0 && found < 1e6 {
        true => Ok(found),
        false => Err(format!("{word} takes a number above 0, not {value}")),
    }
}

fn whole<T: std::str::FromStr>(word: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{word} takes a whole number, not {value}"))
}

fn minutes(value: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs_f64(number("--minutes", value)? * 60.0))
}

fn seconds(word: &str, value: &str) -> Result<Duration, String> {
    let digits = value.strip_suffix('s').unwrap_or(value);
    Ok(Duration::from_secs_f64(number(word, digits)?))
}

fn kinds(value: &str) -> Result<Vec<Kind>, String> {
    let one = |word: &str| {
        let feature = format!("bad-{word}");
        let found = Kind::BAD.into_iter().find(|kind| kind.feature() == Some(&feature));
        found.ok_or(format!("--kinds does not know {word}"))
    };
    value.split(',').map(one).collect()
}

fn blows(value: &str) -> Result<Vec<(Blow, f64)>, String> {
    if value == "none" {
        return Ok(Vec::new());
    }
    let one = |part: &str| {
        let (name, gap) = part.split_once('=').ok_or(format!("--chaos has no `=` in {part}"))?;
        let blow = Blow::ALL.into_iter().find(|blow| blow.word() == name);
        Ok((blow.ok_or(format!("--chaos does not know {name}"))?, number("--chaos", gap)?))
    };
    value.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_said_is_taken_and_the_rest_is_usual() {
        let found = read("--minutes 5 --every 20s --chaos host=9 --seed 7 --kinds lies").unwrap();
        assert_eq!(found.lasts, Duration::from_secs(300));
        assert_eq!((found.every, found.seed), (Duration::from_secs(20), 7));
        assert_eq!((found.blows, found.kinds), (vec![(Blow::Host, 9.0)], vec![Kind::Lies]));
        assert_eq!((found.services, found.rate), (4, 280.0));
    }

    #[test]
    fn a_short_run_may_still_be_told_otherwise() {
        let found = read("--services 3 --short --chaos none").unwrap();
        assert_eq!((found.services, found.blows.len()), (3, 0));
        assert!(found.lasts < Duration::from_secs(180));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read("--rate much").is_err_and(|said| said.contains("--rate")));
        assert!(read("--chaos fire=3").is_err_and(|said| said.contains("fire")));
        assert!(read("--kinds ugly").is_err_and(|said| said.contains("ugly")));
        assert!(read("--minutes").is_err_and(|said| said.contains("--minutes")));
        assert!(read("--services 0").is_err());
    }
}
