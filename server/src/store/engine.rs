//! The database engines, and where their SQL differs.

use super::error::{Result, StoreError};

/// The database's engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) fn of(url: &str) -> Result<Self> {
        match url.split_once(':').map_or(url, |(scheme, _)| scheme) {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(StoreError::Url),
        }
    }

    /// The clause that locks the selected row against other changes. Rows that refer to it can be written
    /// meanwhile. With `for update` they could not: PostgreSQL checks the references of a row also when a
    /// transaction changes it a second time, and a delivery that is recorded would wait for the lock of a
    /// project whose callbacks are resent, which waits for that delivery.
    pub(super) fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for no key update",
        }
    }

    /// The clause that locks the selected rows and leaves out those that are locked already.
    pub(super) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for update skip locked",
        }
    }

    /// As [`Self::for_update`], and leaves out rows that are locked already.
    pub(super) fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for no key update skip locked",
        }
    }

    /// The expression for the email address of a buyer, a column with JSON, in lower case. Indexes have the
    /// same expression.
    pub(super) fn email(self, buyer: &str) -> String {
        format!("lower({})", self.field(buyer, "email"))
    }

    /// The expression for the last four digits of a card, a column with JSON. Indexes have the same
    /// expression.
    pub(super) fn last4(self, card: &str) -> String {
        self.field(card, "last4")
    }

    fn field(self, json: &str, name: &str) -> String {
        match self {
            Self::Sqlite => format!("json_extract({json}, '$.{name}')"),
            Self::Postgres => format!("(cast({json} as jsonb) ->> '{name}')"),
        }
    }

    /// The expression for a number in hexadecimal, with at least 12 digits.
    pub(super) fn hex(self, number: &str) -> String {
        match self {
            Self::Sqlite => format!("printf('%012x', {number})"),
            Self::Postgres => format!("lpad(to_hex({number}), 12, '0')"),
        }
    }

    /// The rows of a JSON list of objects, with these columns and types.
    pub(super) fn rows(self, list: &str, columns: &[(&str, &str)]) -> String {
        match self {
            Self::Sqlite => {
                let column =
                    |(name, _): &(&str, &str)| format!("json_extract(value, '$.{name}') as {name}");
                let columns: Vec<_> = columns.iter().map(column).collect();
                format!("(select {} from json_each({list}))", columns.join(", "))
            }
            Self::Postgres => {
                let column = |(name, kind): &(&str, &str)| format!("{name} {kind}");
                let columns: Vec<_> = columns.iter().map(column).collect();
                let columns = columns.join(", ");
                format!("(select * from json_to_recordset(cast({list} as json)) as r ({columns}))")
            }
        }
    }

    /// The statement that inserts the rows of a JSON list, if a condition holds.
    pub(super) fn insert(
        self,
        table: &str,
        columns: &[(&str, &str)],
        list: &str,
        condition: &str,
    ) -> String {
        let names = names(columns);
        let rows = self.rows(list, columns);
        format!("insert into {table} ({names}) select {names} from {rows} as new where {condition}")
    }

    /// The statement that inserts the rows of a JSON list, one for each of several callers. It waits for no lock for long
    /// then: one of them would hold up the others.
    pub(super) fn insert_for(
        self,
        callers: usize,
        table: &str,
        columns: &[(&str, &str)],
        list: &str,
    ) -> String {
        let condition = match self {
            Self::Postgres if callers > 1 => {
                "set_config('lock_timeout', '100ms', true) is not null"
            }
            // SQLite takes `on conflict` for a part of a select without a condition.
            Self::Sqlite | Self::Postgres => "true",
        };
        self.insert(table, columns, list, condition)
    }

    /// The statement that inserts the row in a JSON list. SQLite reads every table that refers to this one when a
    /// statement may insert several rows.
    pub(super) fn insert_one(self, table: &str, columns: &[(&str, &str)], list: &str) -> String {
        match self {
            Self::Sqlite => {
                let value =
                    |(name, _): &(&str, &str)| format!("json_extract({list}, '$[0].{name}')");
                let values: Vec<_> = columns.iter().map(value).collect();
                let (names, values) = (names(columns), values.join(", "));
                format!("insert into {table} ({names}) values ({values})")
            }
            Self::Postgres => self.insert(table, columns, list, "true"),
        }
    }

    /// The statement that sets columns of a row to those of the row in a JSON list.
    pub(super) fn update(
        self,
        table: &str,
        columns: &[(&str, &str)],
        list: &str,
        id: &str,
    ) -> String {
        let names = names(columns);
        let rows = self.rows(list, columns);
        format!(
            "update {table} set ({names}) = (select {names} from {rows} as new) where {table}.id = {id}"
        )
    }

    /// The condition that a value is among those of a select, of which there are few. PostgreSQL expects few elements
    /// of an array, and uses the value's index whether it has statistics or not.
    pub(super) fn among(self, value: &str, select: &str) -> String {
        match self {
            Self::Sqlite => format!("{value} in ({select})"),
            Self::Postgres => format!("{value} = any(array({select}))"),
        }
    }

    /// The select for the texts of a JSON list.
    pub(super) fn texts(self, list: &str) -> String {
        match self {
            Self::Sqlite => format!("select value from json_each({list})"),
            Self::Postgres => format!("select json_array_elements_text(cast({list} as json))"),
        }
    }
}

fn names(columns: &[(&str, &str)]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}
