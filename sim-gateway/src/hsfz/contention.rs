//! Who yields when diagnosis connections meet (`hsfz-and-doip.md` §11).
//!
//! A connection has a tester address from its first request on. Before that it only takes a place
//! in a table twice as long as the dialect's limit, so that a newcomer can be heard at all.

use node::ConnectionId;
use wire::hsfz::{Address, ErrorCode, Message};

use super::{Ending, Hsfz};
use crate::desk::Desk;
use crate::dialect::Contention;
use crate::units::Route;

impl Hsfz {
    /// Makes room for one more connection in the table.
    pub(super) fn make_room(&mut self, desk: &mut Desk) {
        if self.connections.len() < 2 * self.dialect.connections {
            return;
        }
        let nameless = self.connections.iter().filter(|(_, entry)| entry.testers.is_empty());
        let quietest = nameless.min_by_key(|(id, entry)| (entry.heard, **id)).map(|(id, _)| *id);
        if let Some(quietest) = quietest.or_else(|| self.quietest(None)) {
            self.end(quietest, Ending::Reset, desk);
        }
    }

    /// Returns the channel of a tester on a connection; `None` when it was refused one.
    pub(super) fn channel(
        &mut self,
        connection: ConnectionId,
        tester: Address,
        desk: &mut Desk,
    ) -> Option<u64> {
        let entry = self.connections.get(&connection)?;
        if let Some((_, channel)) = entry.testers.iter().find(|(known, _)| *known == tester) {
            return Some(*channel);
        }
        let nameless = entry.testers.is_empty();
        let rival = self.rival(connection, tester).or_else(|| {
            let named = self.connections.values().filter(|entry| !entry.testers.is_empty());
            let full = nameless && named.count() >= self.dialect.connections;
            full.then(|| self.quietest(Some(connection))).flatten()
        });
        match (rival, self.dialect.contention) {
            (Some(_), Contention::Refuse) => {
                let error = ErrorCode::IncorrectTesterAddress;
                let message = Message::error(error, Address(0xFF), tester);
                desk.out.send(connection, |bytes| message.encode(bytes));
                self.end(connection, Ending::Finish, desk);
                return None;
            }
            (Some(rival), Contention::NewestWins | Contention::Share) => {
                self.end(rival, Ending::Reset, desk);
            }
            (None, _) => {}
        }
        let channel = desk.units.open(Route::Hsfz { connection, tester });
        let entry = self.connections.get_mut(&connection)?;
        entry.testers.push((tester, channel));
        Some(channel)
    }

    /// Returns another connection that already has this tester address, where that matters.
    fn rival(&self, connection: ConnectionId, tester: Address) -> Option<ConnectionId> {
        if self.dialect.contention == Contention::Share {
            return None;
        }
        let mut others = self.connections.iter().filter(|(id, _)| **id != connection);
        let has = |testers: &[(Address, u64)]| testers.iter().any(|(known, _)| *known == tester);
        others.find(|(_, entry)| has(&entry.testers)).map(|(id, _)| *id)
    }

    /// Returns the connection that has a tester and was heard least lately.
    fn quietest(&self, except: Option<ConnectionId>) -> Option<ConnectionId> {
        let named = self.connections.iter().filter(|(_, entry)| !entry.testers.is_empty());
        let others = named.filter(|(id, _)| Some(**id) != except);
        others.min_by_key(|(id, entry)| (entry.heard, **id)).map(|(id, _)| *id)
    }
}
