//! Home's answer on its way to the client, packet by packet, where Shunt's own statements surround it.
//!
//! Everything but the end is passed on as it comes (rows in slices, nothing is collected); the end is
//! held back for the caller, who may have to commit first. Sequence ids are counted anew, because the
//! statement that home answers is not always the one that the client sent.

use std::borrow::Cow;

use sql_rewrite::Respelled;
use wire::{
    FrameError, Malformed,
    frame::{HEADER, Header},
    own::Rows,
    packet::{self, Column, ErrInfo, OkInfo, row::Widths},
    reader::put_lenenc,
};

use crate::{
    diagnostics::Ended,
    execute::{Done, Origin, Snapshots},
    relay::Fault,
    session::{Flow, Session, home_io},
};

/// Column definitions, errors and ends of answers are small; a row may be as large as any packet.
const PACKET_MAX: usize = 1 << 30;

/// What happens to the column definitions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// Nothing.
    AsIs,
    /// The names of these tables' shards become those of the legacy tables.
    Rename(&'a Snapshots),
    /// These take their place.
    Columns(&'a [Vec<u8>]),
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) enum End {
    /// OK.
    Ok(OkInfo),
    /// ERR; with rows before it or without.
    Err(ErrInfo),
    /// The end of rows.
    Rows(OkInfo),
}

impl End {
    /// An error, or warnings: the client may ask for them.
    pub(crate) fn has_conditions(&self) -> bool {
        match self {
            Self::Ok(ok) | Self::Rows(ok) => ok.warnings > 0,
            Self::Err(_) => true,
        }
    }

    pub(crate) fn more_results(&self) -> bool {
        match self {
            Self::Ok(ok) | Self::Rows(ok) => ok.status.more_results(),
            Self::Err(_) => false,
        }
    }
}

impl Session {
    /// Passes one answer on, all but its end.
    pub(crate) async fn pass_answer(&mut self, shape: Shape<'_>, origin: Origin<'_>) -> Flow<End> {
        loop {
            let first = self.home_packet().await?;
            match first.first().copied() {
                Some(packet::OK) => return Ok(End::Ok(self.parse_ok(&first)?)),
                Some(packet::ERR) => return Ok(End::Err(parse_err(&first)?)),
                Some(packet::LOCAL_INFILE) => self.pass_local_infile(&first).await?,
                _ => return self.pass_rows(&first, shape, origin).await,
            }
        }
    }

    /// Home asks for a file of the client's own LOAD DATA LOCAL; the client sends it, then an empty
    /// packet, and home's answer proper follows.
    async fn pass_local_infile(&mut self, request: &[u8]) -> Flow<()> {
        self.reply(request);
        self.flush_client().await?;
        loop {
            let packet = self.relay.client.expect_packet(PACKET_MAX).await.map_err(Fault::Client)?;
            self.relay.home.write_packet(&packet).await.map_err(home_io)?;
            self.reply_seq = packet.last_seq().wrapping_add(1);
            if packet.payload().is_empty() {
                return Ok(());
            }
        }
    }

    async fn pass_rows(&mut self, count: &[u8], shape: Shape<'_>, origin: Origin<'_>) -> Flow<End> {
        let columns = packet::column::parse_count(count).map_err(malformed)?;
        if let Shape::Columns(own) = shape
            && own.len() != columns
        {
            return Err(self.out_of_step());
        }
        let definitions = self.read_columns(columns).await?;
        let widths = match shape {
            Shape::Columns(own) => self.widths(own, &definitions)?,
            Shape::AsIs | Shape::Rename(_) => Ok(None),
        };
        let widths = match widths {
            Ok(widths) => widths,
            Err(error) => {
                self.discard_rows().await?;
                return Ok(End::Err(error));
            }
        };
        self.reply(count);
        for (i, definition) in definitions.iter().enumerate() {
            let shaped = match shape {
                Shape::AsIs => Cow::Borrowed(definition),
                Shape::Rename(tables) => Cow::Owned(self.rename(definition, tables)?),
                Shape::Columns(own) => Cow::Borrowed(&own[i]),
            };
            self.reply_definition(&shaped, origin)?;
        }
        if !self.relay.caps.deprecate_eof() {
            let eof = self.home_packet().await?;
            let end = OkInfo::parse_eof(&eof).map_err(malformed)?;
            if end.status.cursor_exists() {
                return Ok(End::Rows(end));
            }
            self.reply(&eof);
        }
        self.pass_row_packets(widths.as_ref()).await
    }

    async fn read_columns(&mut self, columns: usize) -> Flow<Vec<Vec<u8>>> {
        let mut definitions = Vec::with_capacity(columns.min(4096));
        for _ in 0..columns {
            definitions.push(self.home_packet().await?);
        }
        Ok(definitions)
    }

    /// Passes packets on up to the end of rows, with the widths of integers that the client was told.
    async fn pass_row_packets(&mut self, widths: Option<&Widths>) -> Flow<End> {
        let deprecate_eof = self.relay.caps.deprecate_eof();
        loop {
            let (first, len, seq) = self.peek_home().await?;
            if first == packet::ERR {
                let payload = self.home_packet().await?;
                return Ok(End::Err(parse_err(&payload)?));
            }
            if packet::row::ends_rows(first, len, deprecate_eof) {
                let payload = self.home_packet().await?;
                let end = OkInfo::parse_end_of_rows(&payload, self.relay.caps);
                return Ok(End::Rows(end.map_err(malformed)?));
            }
            if let Some(widths) = widths {
                let row = self.home_packet().await?;
                let row = widths.apply(&row).map_err(malformed)?;
                self.reply(&row);
                if self.relay.client.is_queue_full() {
                    self.flush_client().await?;
                }
            } else if seq == self.reply_seq {
                self.flush_client().await?;
                let passed =
                    self.relay.home.pass_packet(&mut self.relay.client).await.map_err(Fault::Home)?;
                self.reply_seq = passed.last_seq.wrapping_add(1);
            } else {
                let row = self.home_packet().await?;
                self.reply(&row);
                if self.relay.client.is_queue_full() {
                    self.flush_client().await?;
                }
            }
        }
    }

    /// First byte, payload length and sequence id of home's next packet, which stays in the buffer.
    async fn peek_home(&mut self) -> Flow<(u8, usize, u8)> {
        loop {
            if let Some(header) = Header::peek(self.relay.home.buffered())
                && let Some(first) = self.relay.home.buffered().get(HEADER)
            {
                return Ok((*first, header.len, header.seq));
            }
            if self.relay.home.fill().await.map_err(home_io)? == 0 {
                return Err(Fault::Home(FrameError::Cut));
            }
        }
    }

    fn parse_ok(&self, payload: &[u8]) -> Flow<OkInfo> {
        OkInfo::parse(payload, self.relay.caps).map_err(malformed)
    }

    /// Reads an answer to its end and drops it.
    pub(crate) async fn discard_answer(&mut self) -> Flow<()> {
        loop {
            let first = self.home_packet().await?;
            let more = match first.first().copied() {
                Some(packet::OK) => self.parse_ok(&first)?.status.more_results(),
                Some(packet::ERR) => false,
                Some(packet::LOCAL_INFILE) => {
                    // No file: home answers with OK or ERR for an empty one.
                    self.relay.home.queue_packet(&mut 2, &[]);
                    self.flush().await?;
                    continue;
                }
                _ => {
                    let columns = packet::column::parse_count(&first).map_err(malformed)?;
                    self.read_columns(columns).await?;
                    self.discard_rows().await?
                }
            };
            if !more {
                return Ok(());
            }
        }
    }

    /// Drops what follows column definitions; says whether another result follows.
    async fn discard_rows(&mut self) -> Flow<bool> {
        if !self.relay.caps.deprecate_eof() {
            let eof = self.home_packet().await?;
            let end = OkInfo::parse_eof(&eof).map_err(malformed)?;
            if end.status.cursor_exists() {
                return Ok(false);
            }
        }
        loop {
            let row = self.home_packet().await?;
            let first = row.first().copied().unwrap_or(0);
            if first == packet::ERR {
                return Ok(false);
            }
            if packet::row::ends_rows(first, row.len(), self.relay.caps.deprecate_eof()) {
                let end = OkInfo::parse_end_of_rows(&row, self.relay.caps);
                return Ok(end.map_err(malformed)?.status.more_results());
            }
        }
    }

    /// A shard's schema and table in a column definition become the legacy table's.
    fn rename(&self, definition: &[u8], tables: &Snapshots) -> Flow<Vec<u8>> {
        let column = Column::parse(definition.to_vec(), self.relay.caps).map_err(malformed)?;
        let same = |a: &[u8], b: &str| a.eq_ignore_ascii_case(b.as_bytes());
        let tables = tables.iter().map(|snapshot| &snapshot.schema.table);
        let all = tables.flat_map(|table| table.shards().iter().map(move |shard| (table, shard)));
        // MariaDB leaves the schema out where a column comes out of a derived table.
        let without_schema = column.schema().is_empty();
        let mut from = all.filter(|(_, shard)| {
            (without_schema || same(column.schema(), &shard.schema)) && same(column.org_table(), &shard.table)
        });
        let Some((table, shard)) = from.next() else { return Ok(definition.to_vec()) };
        let legacy = table.legacy();
        let schema = if without_schema { b"" } else { legacy.schema.as_bytes() };
        let alias = if same(column.table(), &shard.table) { legacy.table.as_bytes() } else { column.table() };
        Ok(column.renamed(schema, alias, legacy.table.as_bytes()))
    }

    /// Sends a column definition, named as in the client's own text.
    fn reply_definition(&mut self, definition: &[u8], origin: Origin<'_>) -> Flow<()> {
        match origin.respelled {
            None => self.reply(definition),
            Some(respelled) => {
                let named = self.named(definition, respelled)?;
                self.reply(&named);
            }
        }
        Ok(())
    }

    /// A column definition with the names that the client's own text gives.
    fn named(&self, definition: &[u8], respelled: &Respelled) -> Flow<Vec<u8>> {
        let column = Column::parse(definition.to_vec(), self.relay.caps).map_err(malformed)?;
        Ok(column.with_names(&respelled.name(column.name()), &respelled.name(column.org_name())))
    }

    /// In the binary protocol a value's bytes depend on its type, and the shards' union may have another one than
    /// the unsharded table: integers get the width that the client is told, with anything else it would misread the
    /// row.
    fn widths(&self, own: &[Vec<u8>], actual: &[Vec<u8>]) -> Flow<Result<Option<Widths>, ErrInfo>> {
        if !self.binary_rows {
            return Ok(Ok(None));
        }
        let parse = |all: &[Vec<u8>]| {
            let columns = all.iter().map(|bytes| Column::parse(bytes.clone(), self.relay.caps));
            columns.collect::<Result<Vec<Column>, Malformed>>().map_err(malformed)
        };
        let own = parse(own)?;
        let odd = match Widths::new(&parse(actual)?, &own) {
            Ok(widths) => return Ok(Ok(widths)),
            Err(column) => column,
        };
        let name = own.get(odd).map(|column| String::from_utf8_lossy(column.name()).into_owned());
        let name = name.unwrap_or_default();
        Ok(Err(ErrInfo::new(
            1235,
            b"42000",
            format!(
                "Shunt: column `{name}` would arrive in another binary type from the shards; nothing was \
                 read. CAST it to a type, or send the statement in the text protocol"
            ),
        )))
    }

    /// Passes the client's own statement's answers on, to the last result.
    pub(crate) async fn pass_own_answer(&mut self, origin: Origin<'_>) -> Flow<Done> {
        loop {
            let end = self.pass_answer(Shape::AsIs, origin).await?;
            let failed = matches!(end, End::Err(_));
            let more = end.more_results();
            self.reply_end(end, None, origin.more || more);
            if failed {
                return Ok(Done::Failed);
            }
            if !more {
                return Ok(Done::Answered);
            }
        }
    }

    /// Sends the end of an answer, with the status that `committed` left if Shunt committed; if not, the
    /// client's own statement was home's last.
    pub(crate) fn reply_end(&mut self, end: End, committed: Option<&OkInfo>, more: bool) {
        if committed.is_none() {
            let ended = Ended { rows: matches!(end, End::Rows(_)), conditions: end.has_conditions() };
            self.diagnostics.ran_at_home(ended, self.server.mariadb);
        }
        match end {
            End::Ok(ok) => self.reply_ok(ok, committed, more),
            End::Rows(end) => {
                let end = self.settle(end, committed, more);
                let payload = end.end_of_rows(self.relay.caps);
                self.reply(&payload);
            }
            End::Err(error) => {
                self.facts = None;
                self.reply(&error.payload());
            }
        }
    }

    /// Sends the rows of a write (RETURNING).
    pub(crate) async fn reply_returned(
        &mut self,
        rows: &Rows,
        committed: Option<&OkInfo>,
        tables: &Snapshots,
        origin: Origin<'_>,
    ) -> Flow<()> {
        let mut count = Vec::new();
        put_lenenc(&mut count, rows.columns.len() as u64);
        self.reply(&count);
        for column in &rows.columns {
            let renamed = self.rename(column.payload(), tables)?;
            self.reply_definition(&renamed, origin)?;
        }
        let end = self.settle(rows.end.clone(), committed, origin.more);
        if !self.relay.caps.deprecate_eof() {
            let eof = end.eof_payload();
            self.reply(&eof);
        }
        for row in &rows.rows {
            self.reply(row);
            if self.relay.client.is_queue_full() {
                self.flush_client().await?;
            }
        }
        let payload = end.end_of_rows(self.relay.caps);
        self.reply(&payload);
        Ok(())
    }

    /// Sends an OK.
    pub(crate) fn reply_ok(&mut self, ok: OkInfo, committed: Option<&OkInfo>, more: bool) {
        let ok = self.settle(ok, committed, more);
        let payload = ok.payload(self.relay.caps);
        self.reply(&payload);
    }

    fn settle(&mut self, ok: OkInfo, committed: Option<&OkInfo>, more: bool) -> OkInfo {
        let mut ok = match committed {
            Some(last) => ok.with_state_of(last),
            None => ok,
        };
        ok.status.0 &= !wire::StatusFlags::MORE_RESULTS_EXISTS;
        self.relay.status = ok.status;
        if more {
            ok.status.0 |= wire::StatusFlags::MORE_RESULTS_EXISTS;
        }
        ok
    }
}

fn malformed(error: Malformed) -> Fault {
    Fault::Home(error.into())
}

fn parse_err(payload: &[u8]) -> Flow<ErrInfo> {
    ErrInfo::parse(payload).map_err(malformed)
}
