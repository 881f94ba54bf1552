//! Values that a client sends ahead of an execution, in pieces (COM_STMT_SEND_LONG_DATA).
//!
//! They are kept until then, because which statement of home's they are for is known only when the execution is planned;
//! and they are sent as often as it is tried, because a server forgets them at each execution.

use sql_rewrite::Value;
use wire::packet::{
    prepare::{self, LongData},
    value::kind,
};

use crate::{
    execute::Origin,
    relay::Fault,
    session::{Flow, Session},
};

/// What may be kept in one session, all statements together: as much as the largest command takes. Home takes
/// `max_allowed_packet` for each parameter, which is never more.
pub(crate) const SENT_AHEAD_MAX: usize = 1 << 30;

/// What a piece takes beside its bytes.
const OF_EACH_PIECE: usize = 64;

/// What came ahead for one statement.
#[derive(Debug, Default)]
pub(crate) struct SentAhead {
    pieces: Vec<Piece>,
    size: usize,
    /// It was more than could be kept, and nothing is kept.
    pub too_much: bool,
}

#[derive(Debug)]
struct Piece {
    param: u16,
    data: Vec<u8>,
}

impl SentAhead {
    /// Keeps a piece, if it takes no more than `room`.
    pub(crate) fn keep(&mut self, param: u16, data: &[u8], room: usize) {
        let size = data.len() + OF_EACH_PIECE;
        if self.too_much || size > room {
            *self = Self { too_much: true, ..Self::default() };
            return;
        }
        self.size += size;
        self.pieces.push(Piece { param, data: data.to_vec() });
    }

    /// How much of the room it takes.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The parameters that came ahead, in order.
    pub(crate) fn params(&self) -> Vec<u16> {
        let mut all: Vec<u16> = self.pieces.iter().map(|piece| piece.param).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The value of parameter `number`, which is of this type. Drivers send strings and bytes only.
    pub(crate) fn value(&self, number: usize, kind: u8) -> Value {
        let whole = || self.of(number).flat_map(|piece| piece.data.iter().copied()).collect();
        match kind {
            kind::VARCHAR | kind::VAR_STRING | kind::STRING => Value::Text(whole()),
            kind::TINY_BLOB | kind::MEDIUM_BLOB | kind::LONG_BLOB | kind::BLOB => Value::Blob(whole()),
            _ => Value::LongData,
        }
    }

    fn of(&self, number: usize) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |piece| usize::from(piece.param) == number)
    }
}

impl Session {
    /// Queues the client's own command for home, and sends what came ahead of it.
    pub(crate) async fn send_own(&mut self, origin: Origin<'_>) -> Flow<()> {
        if let Some(ahead) = origin.ahead {
            let id = prepare::statement_id(origin.payload).map_err(|error| Fault::Client(error.into()))?;
            self.send_ahead(ahead, id, None).await?;
        }
        self.send_payload(origin.payload);
        Ok(())
    }

    /// Sends what came ahead to statement `id` of home's, whose parameters are the client's of these numbers; `None`:
    /// the same ones, whatever the client has sent.
    pub(crate) async fn send_ahead(
        &mut self,
        ahead: &SentAhead,
        id: u32,
        params: Option<&[usize]>,
    ) -> Flow<()> {
        let Some(params) = params else {
            for piece in &ahead.pieces {
                self.send_piece(id, piece.param, &piece.data).await?;
            }
            return Ok(());
        };
        for (param, number) in (0..).zip(params) {
            for piece in ahead.of(*number) {
                self.send_piece(id, param, &piece.data).await?;
            }
        }
        Ok(())
    }

    async fn send_piece(&mut self, statement_id: u32, param: u16, data: &[u8]) -> Flow<()> {
        self.send_payload(&LongData { statement_id, param, data }.payload());
        // Home answers none of them, so it reads on.
        if self.relay.home.is_queue_full() { self.flush().await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together_and_bounded() {
        let mut ahead = SentAhead::default();
        for (param, data) in [(1, &b"ab"[..]), (0, b""), (1, b""), (1, b"c")] {
            ahead.keep(param, data, 100);
        }
        assert_eq!(ahead.params(), [0, 1]);
        assert_eq!(ahead.value(1, kind::VAR_STRING), Value::Text(b"abc".to_vec()));
        assert_eq!(ahead.value(1, kind::BLOB), Value::Blob(b"abc".to_vec()));
        assert_eq!(ahead.value(0, kind::BLOB), Value::Blob(Vec::new()));
        assert_eq!(ahead.value(1, kind::LONGLONG), Value::LongData);
        assert_eq!(ahead.size(), 3 + 4 * OF_EACH_PIECE);
        ahead.keep(0, b"x", OF_EACH_PIECE);
        assert!(ahead.too_much && ahead.size() == 0 && ahead.params().is_empty());
        ahead.keep(0, b"", 100);
        assert!(ahead.too_much && ahead.params().is_empty(), "until the statement is executed or reset");
    }
}
