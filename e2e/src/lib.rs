//! What end-to-end tests share: a running Sluss of their own, its repositories and its customers.
//!
//! Everything is real: the program as it is built, processes, sockets, Git. Nothing is left running
//! when a value of these types is dropped.

mod authority;
mod customers;
pub mod evidence;
pub mod prove;
mod repository;
mod sluss;
mod tls;
mod witness;

pub use authority::Authority;
pub use customers::{Customers, Tally};
pub use repository::Repository;
pub use sluss::{Sluss, answer, free_port, program, wait_for};
pub use tls::Tls;
pub use witness::Witness;
