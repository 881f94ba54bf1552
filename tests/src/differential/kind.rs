//! Column types: how they are declared, and the values in them, with everything that is easily treated wrongly:
//! the ends of the range, NULL, empty strings, trailing spaces, upper and lower case, accents.

use crate::servers::Kind as Server;

/// What an expression gives, as far as functions and comparisons care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An integer.
    Int,
    /// DECIMAL.
    Decimal,
    /// FLOAT and DOUBLE.
    Float,
    /// Characters.
    Text,
    /// Bytes.
    Binary,
    /// DATE.
    Date,
    /// TIME.
    Time,
    /// DATETIME and TIMESTAMP.
    DateTime,
    /// JSON.
    Json,
}

/// Integer types: name, smallest and greatest signed value, greatest unsigned one.
const INTEGERS: [(&str, &str, &str, &str); 5] = [
    ("TINYINT", "-128", "127", "255"),
    ("SMALLINT", "-32768", "32767", "65535"),
    ("MEDIUMINT", "-8388608", "8388607", "16777215"),
    ("INT", "-2147483648", "2147483647", "4294967295"),
    ("BIGINT", "-9223372036854775808", "9223372036854775807", "18446744073709551615"),
];

/// A column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "MySQL's own names")]
pub enum Kind {
    Integer { size: usize, unsigned: bool },
    Bool,
    Zerofill,
    Decimal(u8, u8),
    Float,
    Double,
    Char(u8, Collation),
    VarChar(u8, Collation),
    LongText(Collation),
    Binary(u8),
    VarBinary(u8),
    Blob,
    Json,
    Bit(u8),
    Year,
    Date,
    Time(u8),
    DateTime(u8),
    Timestamp(u8),
    Enum,
    Set,
}

/// A collation that both servers have, or one of each that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    /// `utf8mb4_general_ci`: pads.
    General,
    /// `utf8mb4_bin`.
    Bin,
    /// `latin1_swedish_ci`.
    Latin,
    /// `ascii_bin`.
    Ascii,
    /// Does not pad, and knows that ß is ss.
    NoPad,
}

impl Collation {
    /// `CHARACTER SET … COLLATE …`.
    #[must_use]
    pub fn sql(self, server: Server) -> String {
        let name = self.name(server);
        format!("CHARACTER SET {} COLLATE {name}", name.split('_').next().unwrap_or_default())
    }

    /// Its name.
    #[must_use]
    pub const fn name(self, server: Server) -> &'static str {
        match (self, server) {
            (Self::General, _) => "utf8mb4_general_ci",
            (Self::Bin, _) => "utf8mb4_bin",
            (Self::Latin, _) => "latin1_swedish_ci",
            (Self::Ascii, _) => "ascii_bin",
            (Self::NoPad, Server::MySql) => "utf8mb4_0900_ai_ci",
            (Self::NoPad, Server::MariaDb) => "utf8mb4_unicode_520_nopad_ci",
        }
    }

    /// Whether it holds different strings for equal.
    #[must_use]
    pub const fn folds(self) -> bool {
        // The binary ones pad: 'a' = 'a '.
        !matches!(self, Self::Ascii)
    }

    fn values(self) -> Vec<&'static str> {
        let mut all =
            vec!["''", "'a'", "'A'", "'b'", "'ab'", "'Ab'", "'x%y'", "'a_b'", "'it''s'", "'10'", "'9'"];
        match self {
            // Values of keys, too: nothing that is equal to another.
            Self::Ascii => {}
            Self::Latin => all.extend(["'a '", "' '", "'á'", "'ß'"]),
            Self::General | Self::Bin | Self::NoPad => {
                all.extend(["'a '", "' '", "'á'", "'ß'", "'ss'", "'😀'", "'日本'"]);
            }
        }
        all
    }
}

impl Kind {
    /// As it is declared.
    #[must_use]
    pub fn sql(self, server: Server) -> String {
        match self {
            Self::Integer { size, unsigned } => {
                format!("{}{}", INTEGERS[size].0, if unsigned { " UNSIGNED" } else { "" })
            }
            Self::Bool => "TINYINT(1)".to_owned(),
            Self::Zerofill => "INT(6) UNSIGNED ZEROFILL".to_owned(),
            Self::Decimal(digits, scale) => format!("DECIMAL({digits},{scale})"),
            Self::Float => "FLOAT".to_owned(),
            Self::Double => "DOUBLE".to_owned(),
            Self::Char(length, collation) => format!("CHAR({length}) {}", collation.sql(server)),
            Self::VarChar(length, collation) => format!("VARCHAR({length}) {}", collation.sql(server)),
            Self::LongText(collation) => format!("TEXT {}", collation.sql(server)),
            Self::Binary(length) => format!("BINARY({length})"),
            Self::VarBinary(length) => format!("VARBINARY({length})"),
            Self::Blob => "BLOB".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::Bit(length) => format!("BIT({length})"),
            Self::Year => "YEAR".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::Time(digits) => format!("TIME({digits})"),
            Self::DateTime(digits) => format!("DATETIME({digits})"),
            Self::Timestamp(digits) => format!("TIMESTAMP({digits})"),
            Self::Enum => "ENUM('low','mid','High','')".to_owned(),
            Self::Set => "SET('a','b','C d')".to_owned(),
        }
    }

    /// What it gives in an expression.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Integer { .. } | Self::Bool | Self::Zerofill | Self::Bit(_) | Self::Year => Class::Int,
            Self::Decimal(..) => Class::Decimal,
            Self::Float | Self::Double => Class::Float,
            Self::Char(..) | Self::VarChar(..) | Self::LongText(_) | Self::Enum | Self::Set => Class::Text,
            Self::Binary(_) | Self::VarBinary(_) | Self::Blob => Class::Binary,
            Self::Json => Class::Json,
            Self::Date => Class::Date,
            Self::Time(_) => Class::Time,
            Self::DateTime(_) | Self::Timestamp(_) => Class::DateTime,
        }
    }

    /// Its collation, where it has one.
    #[must_use]
    pub const fn collation(self) -> Option<Collation> {
        match self {
            Self::Char(_, collation) | Self::VarChar(_, collation) | Self::LongText(collation) => {
                Some(collation)
            }
            Self::Enum | Self::Set => Some(Collation::General),
            _ => None,
        }
    }

    /// Whether sums and products of it may leave the range of BIGINT.
    #[must_use]
    pub const fn is_wild(self) -> bool {
        matches!(self, Self::Integer { size: 4, .. } | Self::Bit(_))
    }

    /// Whether a column of this type keeps every digit of the literal.
    #[must_use]
    pub fn keeps(self, literal: &str) -> bool {
        let (Self::Time(digits) | Self::DateTime(digits) | Self::Timestamp(digits)) = self else {
            return true;
        };
        let fraction = literal.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('\''));
        fraction.len() <= usize::from(digits)
    }

    /// Literals of values that fit.
    #[must_use]
    pub fn values(self) -> Vec<String> {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Integer { size, unsigned: false } => {
                texts(&["0", "1", "2", "3", "7", "11", "100", "-1", "-5", INTEGERS[size].1, INTEGERS[size].2])
            }
            Self::Integer { size, unsigned: true } => {
                texts(&["0", "1", "2", "3", "7", "11", "100", INTEGERS[size].2, INTEGERS[size].3])
            }
            Self::Bool => texts(&["0", "1", "2"]),
            Self::Zerofill => texts(&["0", "7", "42", "1234567"]),
            Self::Decimal(digits, scale) => {
                let most = "9".repeat(usize::from(digits - scale));
                let fraction = "9".repeat(usize::from(scale));
                let mut all = texts(&["0", "1", "-1", "2.5", "0.1", "10"]);
                all.extend([format!("{most}.{fraction}"), format!("-{most}.{fraction}")]);
                all
            }
            // Exact in binary, so that sums do not depend on their order.
            Self::Float => texts(&["0", "1.5", "-2.25", "0.125", "1000", "7"]),
            Self::Double => texts(&["0", "1.5", "-2.25", "0.0009765625", "1048576.5", "7"]),
            Self::Char(length, collation) | Self::VarChar(length, collation) => {
                let mut all = texts(&collation.values());
                all.push(format!("'{}'", "w".repeat(usize::from(length))));
                all
            }
            Self::LongText(collation) => {
                let mut all = texts(&collation.values());
                all.push(format!("'{}'", "long ".repeat(60)));
                all
            }
            Self::Binary(length) | Self::VarBinary(length) => {
                let mut all = texts(&["x''", "x'00'", "x'61'", "x'41'", "x'6100'", "x'2020'", "x'ff80'"]);
                all.push(format!("x'{}'", "fe".repeat(usize::from(length))));
                all
            }
            Self::Blob => texts(&["x''", "x'00'", "x'61'", "x'6120'", "x'ff00fe'", "'text'"]),
            Self::Json => texts(&[
                "'{}'",
                "'[]'",
                "'1'",
                "'null'",
                "'\"a\"'",
                "'{\"a\": 1, \"b\": [1, 2]}'",
                "'{\"a\": \"x\"}'",
                "'[3, \"é\", null]'",
            ]),
            Self::Bit(length) => {
                let ones = "1".repeat(usize::from(length));
                texts(&["b'0'", "b'1'", &format!("b'{ones}'")])
            }
            Self::Year => texts(&["1901", "2155", "2024", "1999", "0"]),
            Self::Date => {
                texts(&["'2024-02-29'", "'1970-01-01'", "'9999-12-31'", "'1000-01-01'", "'2024-12-31'"])
            }
            Self::Time(_) => {
                texts(&["'00:00:00'", "'838:59:59'", "'-838:59:59'", "'12:34:56.789012'", "'-00:00:01.5'"])
            }
            Self::DateTime(_) => texts(&[
                "'2024-02-29 12:34:56.789012'",
                "'1970-01-01 00:00:00'",
                "'9999-12-31 23:59:59'",
                "'1000-01-01 00:00:00'",
                "'2024-03-31 02:30:00.5'",
            ]),
            Self::Timestamp(_) => texts(&[
                "'2024-02-29 12:34:56.789012'",
                "'1970-01-02 00:00:01'",
                "'2038-01-18 03:14:07'",
                "'2024-10-27 01:30:00'",
            ]),
            Self::Enum => texts(&["'low'", "'mid'", "'High'", "''"]),
            Self::Set => texts(&["''", "'a'", "'b'", "'a,b'", "'C d'", "'a,b,C d'"]),
        }
    }
}
