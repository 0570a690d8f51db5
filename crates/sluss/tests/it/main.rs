//! The command line, as people meet it: sessions with the real program in a folder of their own.

mod check;
mod clients;
mod init;
mod log_verify;
mod reference;
mod run;
mod session;
