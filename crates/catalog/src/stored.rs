//! How small enums are stored.

/// Stores an enum as the given numbers; another number in the file is an error.
macro_rules! stored_as_number {
    ($name:ident { $($variant:ident = $number:literal),+ }) => {
        impl heirloom_store::rusqlite::types::ToSql for $name {
            fn to_sql(
                &self,
            ) -> heirloom_store::rusqlite::Result<heirloom_store::rusqlite::types::ToSqlOutput<'_>> {
                let number: i64 = match self { $(Self::$variant => $number),+ };
                Ok(number.into())
            }
        }

        impl heirloom_store::rusqlite::types::FromSql for $name {
            fn column_result(
                value: heirloom_store::rusqlite::types::ValueRef<'_>,
            ) -> heirloom_store::rusqlite::types::FromSqlResult<Self> {
                match value.as_i64()? {
                    $($number => Ok(Self::$variant),)+
                    other => Err(heirloom_store::rusqlite::types::FromSqlError::OutOfRange(other)),
                }
            }
        }
    };
}

pub(crate) use stored_as_number;
