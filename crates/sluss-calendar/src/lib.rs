//! The freeze calendar: when what may be deployed where.
//!
//! Windows that repeat by RFC 5545 rules open and shut the way of products, services,
//! environments, regions and labels. [`decide`] answers for one operation at one time,
//! [`preview`] shows the months to come, [`difference`] what a change would change.
//!
//! Pure: no clock, no I/O, no zone of the machine. Times are milliseconds since 1970 UTC; the time
//! zone database is compiled in, and every answer names its version.
//!
//! # Invariants
//!
//! - What is not known denies: a [missing](Calendar::missing) calendar, a window whose starts
//!   cannot all be expanded ([`STARTS_MOST`]), a time out of range, a scope that is half known.
//! - A rule is expanded on the wall clock and resolved to instants afterwards. Where the clocks
//!   change, a deny window takes the longest reading and an allow window the shortest.
//! - Adding a deny window never allows more; the order of windows never matters.
//!
//! ```
//! use sluss_calendar::{Calendar, CalendarFile, Operation, Scope, decide};
//!
//! let calendar = Calendar::parse(&CalendarFile::default()).unwrap();
//! let scope = Scope::new("instant-payments", "payments", "production");
//! let deploy = Operation::Deploy { predicted_ms: None };
//! let now = 1_795_255_200_000;
//! assert!(decide(&calendar, &scope, deploy, None, now).allowed);
//! assert!(!decide(&Calendar::missing("no file"), &scope, deploy, None, now).allowed);
//! ```

mod calendar;
mod decide;
mod difference;
mod expand;
mod file;
mod ics;
mod lint;
mod mistake;
mod preview;
mod rule;
mod scene;
mod scope;
mod sentence;
mod starts;
mod window;
mod zone;

pub use calendar::Calendar;
pub use decide::{AHEAD_MS, Decision, Operation, WindowId, decide};
pub use difference::{Difference, difference};
pub use expand::STARTS_MOST;
pub use file::{CalendarFile, Kind, Overrun, ScopeFile, WindowFile};
pub use mistake::{Mistake, Mistakes, Warning};
pub use preview::{Interval, MONTHS_MOST, Preview, PreviewSpan, preview};
pub use scope::Scope;
pub use starts::{BadStarts, starts};
pub use zone::tzdb_version;
