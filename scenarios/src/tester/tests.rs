//! The tester against a scripted car.
//!
//! | file | holds |
//! |---|---|
//! | `bench` | the tester, a clock, and what passes between tester and car |
//! | `car` | a car that answers everything politely unless its script says otherwise |
//! | `transport` | acknowledges, resends, waits, discovery |
//! | `session` | keep-alive, recovery, crash |
//! | `flash` | programming and coding |

mod bench;
mod car;
mod flash;
mod session;
mod transport;
