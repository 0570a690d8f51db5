//! Controls: what the log has to show for each of a catalogue's, over a period.
//!
//! # Invariants
//!
//! - A control that speaks of every item is judged item by item: it is evidenced only if each has
//!   what is asked, and each that has not is named.
//! - What nothing here records, and what did not happen, is a gap; an empty period is all gaps.
//! - What spoke against a control stands beside its evidence, never instead of it.
//!
//! The wording of controls is our own; their ids are those of the catalogues.

mod assess;
mod catalogue;
mod control;
mod deliveries;
mod dora;
mod eba;
mod fact;
mod finos;
mod governance;
mod iso27001;
mod ledger;
mod mark;
mod pci;
mod reviews;
mod rts;
mod sox;
mod ssdf;

pub use assess::{Answer, Assessed, Missing, Period, Standing};
pub use catalogue::Catalogue;
pub use control::{Ask, Control, TextStatus, Within};
pub use fact::{Fact, Seen};
pub use ledger::{Item, Ledger, NotApplicable};
pub use mark::{Kind, Mark};
