//! The pages' server over real TCP, with a real engine and log on a folder of its own.

mod api;
mod bank;
mod client;
mod routes;
mod withstand;
