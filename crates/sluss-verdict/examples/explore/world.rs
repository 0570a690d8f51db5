//! Rows of counts: Poisson requests that are routed by coins and fail by coins, and what disturbs
//! both releases alike.

use super::coins::Coins;

/// How long a row lasts.
pub const ROW_MS: i64 = 250;

/// What happens to both releases.
#[derive(Clone, Copy, PartialEq)]
pub enum Weather {
    Plain,
    /// A quarter of all requests fails from 100 to 160 s.
    Incident,
    /// Rates swing by nine tenths within twelve minutes, and traffic with them.
    Drift,
    /// A sixth of the requests goes to the candidate instead of a tenth, and so on.
    Misrouted,
    /// Each failure comes with three more of the same caller, in the same half of a second.
    Clumps,
}

/// All kinds of harmless weather that the guarantee is checked in.
pub const WEATHERS: [Weather; 4] =
    [Weather::Plain, Weather::Incident, Weather::Drift, Weather::Misrouted];

/// A rollout: rates are per request.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Requests a second.
    pub requests: f64,
    /// Shares of the candidate, each from a second on.
    pub ramp: &'a [(i64, f64)],
    pub incumbent: f64,
    pub candidate: f64,
    pub weather: Weather,
}

impl World<'_> {
    /// Returns the configured share at a time.
    pub fn share(&self, at_ms: i64) -> f64 {
        let begun = self.ramp.iter().rfind(|(second, _)| second * 1_000 <= at_ms);
        begun.map_or(0.0, |(_, share)| *share)
    }

    /// Plays one row: requests and bad events of the incumbent, then of the candidate.
    pub fn row(&self, at_ms: i64, coins: &mut Coins) -> [f64; 4] {
        let second = at_ms as f64 / 1e3;
        let swing = 1.0 + 0.9 * (second / 120.0).sin();
        let is_incident = (100.0..160.0).contains(&second);
        let rate = |rate: f64| match self.weather {
            Weather::Plain | Weather::Misrouted => rate,
            Weather::Incident => {
                if is_incident {
                    rate.max(0.25)
                } else {
                    rate
                }
            }
            Weather::Drift => rate * swing,
            Weather::Clumps => rate / 4.0,
        };
        let requests = self.requests * ROW_MS as f64 / 1e3;
        let requests = if self.weather == Weather::Drift { requests * swing } else { requests };
        let misrouted = if self.weather == Weather::Misrouted { 1.6 } else { 1.0 };
        let share = (self.share(at_ms) * misrouted).min(0.9);
        let mut arm = |requests: f64, rate: f64| {
            let bad = coins.poisson(requests * rate);
            let bad = if self.weather == Weather::Clumps { 4.0 * bad } else { bad };
            [bad + coins.poisson(requests * (1.0 - rate)), bad]
        };
        let [incumbent, candidate] = [
            arm(requests * (1.0 - share), rate(self.incumbent)),
            arm(requests * share, rate(self.candidate)),
        ];
        [incumbent[0], incumbent[1], candidate[0], candidate[1]]
    }
}
