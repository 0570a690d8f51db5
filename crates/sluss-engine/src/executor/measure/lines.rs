//! Reads results in Go's benchmark format from what a command prints.

use std::collections::BTreeMap;

use sluss_core::performance::Label;
use sluss_verdict::pace::median;

use super::Better;

/// What one run of a command printed.
#[derive(Debug, Default)]
pub(super) struct Results {
    values: BTreeMap<(Label, Label), Vec<f64>>,
    better: BTreeMap<String, Better>,
}

impl Results {
    /// Reads one line; what is no result says nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with a line that begins like a result.
    pub(super) fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { return Ok(()) };
        if first == "Unit" {
            let Some(unit) = words.next() else { return Ok(()) };
            let better = words.find_map(|word| match word.strip_prefix("better=")? {
                "higher" => Some(Better::Higher),
                "lower" => Some(Better::Lower),
                _other => None,
            });
            self.better.extend(better.map(|better| (unit.to_owned(), better)));
            return Ok(());
        }
        let name = first.strip_prefix("Benchmark").filter(|name| {
            name.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c == '/')
        });
        let (Some(name), Some(count)) = (name, words.next()) else { return Ok(()) };
        if count.parse::<u64>().is_err() {
            return Ok(());
        }
        let name: Label = name.parse().map_err(|error| format!("{error}"))?;
        let rest: Vec<&str> = words.collect();
        for pair in rest.chunks(2) {
            let [value, unit] = pair else { return Err(format!("`{line}` ends without a unit")) };
            let value: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
            let unit: Label = unit.parse().map_err(|error| format!("{error}"))?;
            self.values.entry((name.clone(), unit)).or_default().push(value);
        }
        Ok(())
    }

    /// Returns each metric with its median and which values are better, or how long the command
    /// took if it printed none.
    pub(super) fn finish(self, seconds: f64) -> Vec<((Label, Label), Better, f64)> {
        let Self { values, better } = self;
        if values.is_empty() {
            let whole = "command".parse().ok().zip("s".parse().ok());
            return whole.map(|of| (of, Better::Lower, seconds)).into_iter().collect();
        }
        let direction = |unit: &Label| {
            let unit = unit.to_string();
            let usual = if unit.ends_with("/s") { Better::Higher } else { Better::Lower };
            better.get(&unit).copied().unwrap_or(usual)
        };
        let one = |((name, unit), values): (_, Vec<f64>)| {
            let better = direction(&unit);
            median(&values).map(|value| ((name, unit), better, value))
        };
        values.into_iter().filter_map(one).collect()
    }
}
