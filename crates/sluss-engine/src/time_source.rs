//! What keeps the machine's clock right, as far as the programs that do so say.
//!
//! The kernel would tell by `adjtimex`, which no dependency offers without unsafe code; so
//! `chronyd` is asked, and `systemd-timesyncd` is known by the file that it leaves.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sluss_core::silence::{ClockSource, TimeSource};
use tokio::process::Command;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The file that `systemd-timesyncd` leaves once it has set the clock.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// Asks what keeps the clock right; what cannot be found out is unknown.
pub async fn clock_source() -> ClockSource {
    let mut command = Command::new("chronyc");
    command.args(["-c", "tracking"]).stdin(Stdio::null()).stderr(Stdio::null());
    let asked = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let answer = match asked {
        Ok(Ok(output)) if output.status.success() => {
            of_chrony(&String::from_utf8_lossy(&output.stdout))
        }
        _no_answer => None,
    };
    answer.unwrap_or_else(|| match Path::new(TIMESYNCD).exists() {
        true => ClockSource { time_source: TimeSource::Timesyncd, offset_ms: None },
        false => ClockSource::default(),
    })
}

/// Reads what `chronyc -c tracking` prints: the fifth field is by how many seconds the clock is
/// ahead (chronyc(1), *tracking*: positive is slow of NTP time there, so the sign turns), the last
/// one is `Not synchronised` while there is no source.
fn of_chrony(line: &str) -> Option<ClockSource> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let follows = fields.len() >= 14 && fields.last().is_some_and(|last| *last == "Normal");
    let (sign, digits) = match fields.get(4)?.split_at_checked(1)? {
        ("-", rest) => (1, rest),
        _positive => (-1, *fields.get(4)?),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let thousandths: String = format!("{part}000").chars().take(3).collect();
    let ms = whole.parse::<i64>().ok()?.checked_mul(1000)?;
    let ms = ms.checked_add(thousandths.parse().ok()?)?;
    let offset_ms = Some(sign * ms);
    follows.then_some(ClockSource { time_source: TimeSource::Chrony, offset_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chrony_says_is_read_and_what_it_does_not_is_unknown() {
        let said = |offset: &str, status: &str| {
            format!(
                "C0A80001,192.168.0.1,3,1795255200.1,{offset},0.000001,0.000002,-3.1,0.0,0.02,\
                 0.001,0.0005,64.2,{status}\n"
            )
        };
        let of = |line: &str| of_chrony(line).map(|of| (of.time_source, of.offset_ms));
        let chrony = |ms| Some((TimeSource::Chrony, Some(ms)));
        assert_eq!(of(&said("0.012345678", "Normal")), chrony(-12));
        assert_eq!(of(&said("-1.500000000", "Normal")), chrony(1_500));
        assert_eq!(of(&said("0.0", "Not synchronised")), None);
        assert_eq!(of("506 Cannot talk to daemon\n"), None);
        assert_eq!(of(""), None);
    }
}
