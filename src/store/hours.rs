//! What has been learned of usual hours, practice by practice.

use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreError};
use crate::correlate::UsualHours;
use crate::limits::ROWS_PER_STATEMENT;

impl Store {
    /// What an earlier process learned, in the order of the practices' ids. A practice of which it can't be read is left out: it is
    /// learned anew.
    pub async fn usual_hours(&self) -> Result<Vec<UsualHours>, StoreError> {
        self.read(async {
            let rows = sqlx::query("SELECT practice, days FROM usual_hours ORDER BY practice")
                .fetch_all(&self.inner.readers)
                .await?;
            let mut hours = Vec::with_capacity(rows.len());
            for row in &rows {
                if let Ok(days) = serde_json::from_str(row.try_get("days")?) {
                    hours.push(UsualHours { practice: row.try_get("practice")?, days });
                }
            }
            Ok(hours)
        })
        .await
    }

    /// Takes the place of what was known of these practices. When the disk doesn't take it, it is said again with what is learned
    /// next.
    pub async fn record_usual_hours(&self, hours: &[UsualHours]) -> Result<(), StoreError> {
        self.commit_now(async |tx| {
            for some in hours.chunks(ROWS_PER_STATEMENT) {
                let days = some.iter().map(|hours| serde_json::to_string(&hours.days));
                let days = days.collect::<Result<Vec<_>, _>>();
                let days = days.map_err(|error| sqlx::Error::Encode(error.into()))?;
                let mut insert =
                    QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO usual_hours (practice, days) ");
                insert.push_values(some.iter().zip(days), |mut values, (hours, days)| {
                    values.push_bind(&hours.practice).push_bind(days);
                });
                insert.build().persistent(false).execute(&mut **tx).await?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlate::DayHeard;

    #[tokio::test]
    async fn hours_are_there_again_after_a_restart_and_the_last_word_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |n: usize, last: u16| UsualHours {
            practice: format!("G{n:05}"),
            days: (20_500..20_528).map(|date| DayHeard { date, first: 480, last }).collect(),
        };
        let store = Store::open(folder.path()).await.expect("a store");
        // More than one statement takes.
        let all: Vec<UsualHours> = (0..1_500).map(|n| of(n, 1_110)).collect();
        store.record_usual_hours(&all).await.expect("a disk");
        store.record_usual_hours(&[of(7, 750)]).await.expect("a disk");
        store.close().await;
        drop(store);
        let store = Store::open(folder.path()).await.expect("a store");
        let kept = store.usual_hours().await.expect("a disk");
        assert_eq!((kept.len(), &kept[7], &kept[8]), (1_500, &of(7, 750), &of(8, 1_110)));
    }
}
