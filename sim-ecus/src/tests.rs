//! What a tester sees: the whole table, each rule, and what holds for every input.

mod flash;
mod properties;
mod rules;
mod supply;
mod table;
mod tester;
mod timing;
