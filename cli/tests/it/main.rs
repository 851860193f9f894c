//! The command as a person or a CI job uses it.

mod bridges;
mod check;
mod command;
mod files;
mod interrupt;
mod live;
mod readme;
mod run;
mod unheard;
mod vehicle;
