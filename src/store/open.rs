//! Opening: the folder, the lock, the file, the migrations; or memory when the disk can't be used.

use std::path::Path;
use std::sync::{Arc, Mutex};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, SqlitePool};

use super::arrears::Arrears;
use super::journal::adopt;
use super::write::Writer;
use super::{Inner, Store, StoreError, StoreHealth};
use crate::journal::JournalKey;
use crate::limits;
use crate::notify::LinkKey;
use crate::platform::{self, Lock, NoLock};
use crate::time::At;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// The lock on a data folder; released when it is dropped, and by the system when the process dies.
pub(super) type FolderLock = Lock;

impl Store {
    /// Opens the store in `dir`: creates the folder (for its owner only) and `linewatch.db` (likewise) where
    /// they are missing, locks the folder against a second process, and brings the file up to date.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join("linewatch.db");
        let lock = prepare(dir, &file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .busy_timeout(limits::STORE_WRITE_TIMEOUT)
            .disable_statement_logging();
        let writes = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .foreign_keys(true)
            // An address that is removed shall not linger in a free page.
            .pragma("secure_delete", "ON");
        let of = |error: &sqlx::Error| StoreError::of(&file, error);
        let writer = pool(1).connect_with(writes).await.map_err(|error| of(&error))?;
        check(&file, &writer).await?;
        MIGRATIONS.run(&writer).await.map_err(|error| StoreError::of_migration(&file, &error))?;
        prove_writable(&writer).await.map_err(|error| of(&error))?;
        // Without the key the journal is kept all the same; only its heads can't be signed.
        let key = JournalKey::read_or_make(dir);
        let key =
            key.inspect_err(|error| tracing::error!("the journal's heads can't be signed: {error}")).ok();
        let links = LinkKey::read_or_make(dir);
        let links = links.inspect_err(|error| tracing::error!("letters have no links: {error}")).ok();
        let writer = Writer::new(writer);
        adopt(&writer, key.as_ref(), At::from(jiff::Timestamp::now())).await.map_err(|error| of(&error))?;
        let readers = pool(limits::STORE_READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(|error| of(&error))?;
        Ok(Self::over(&file, writer, readers, None, (key, links), Some(lock)))
    }

    /// Opens the store in `dir`, or, when that can't be done, one in memory that lasts as long as the process;
    /// then the error says what to mend. A damaged file is left as it is.
    /// After [`StoreError::InUse`] a hub must not go on: it would send every notice that the other one sends.
    pub async fn open_or_memory(dir: &Path) -> (Self, Option<StoreError>) {
        match Self::open(dir).await {
            Ok(store) => (store, None),
            Err(error) => (Self::in_memory(dir, &error).await, Some(error)),
        }
    }

    async fn in_memory(dir: &Path, because: &StoreError) -> Self {
        let options =
            SqliteConnectOptions::new().in_memory(true).foreign_keys(true).disable_statement_logging();
        // One connection for all: a second one would be a second, empty database.
        let pool = pool(1).connect_lazy_with(options);
        if let Err(error) = MIGRATIONS.run(&pool).await {
            tracing::error!("the store in memory can't be set up: {error}");
        }
        let health = StoreHealth::Failing {
            since: At::from(jiff::Timestamp::now()),
            why: format!("{because}; until linewatch is started again, everything is kept in memory only"),
        };
        Self::over(
            &dir.join("linewatch.db"),
            Writer::new(pool.clone()),
            pool,
            Some(health),
            (None, None),
            None,
        )
    }

    fn over(
        file: &Path,
        writer: Writer,
        readers: SqlitePool,
        memory: Option<StoreHealth>,
        (key, links): (Option<JournalKey>, Option<LinkKey>),
        lock: Option<FolderLock>,
    ) -> Self {
        let inner = Inner {
            file: file.to_owned(),
            writer,
            readers,
            turn: tokio::sync::Mutex::new(()),
            arrears: Mutex::new(Arrears::default()),
            memory,
            key,
            links,
            _lock: lock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Closes the files. Every clone of the store is closed with it.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.pool.close().await;
    }
}

/// Connections that are never closed for being old or idle: opening a file again is when things go wrong.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(limits::STORE_WRITE_TIMEOUT)
}

fn prepare(dir: &Path, file: &Path) -> Result<FolderLock, StoreError> {
    let folder = |error: std::io::Error| StoreError::Folder { dir: dir.to_owned(), why: error.to_string() };
    platform::own_folder(dir).map_err(folder)?;
    let lock = Lock::take(&dir.join("linewatch.lock")).map_err(|error| match error {
        NoLock::InUse => StoreError::InUse { dir: dir.to_owned() },
        NoLock::Disk(error) => folder(error),
    })?;
    // SQLite gives its side files the permissions of the file itself.
    platform::own_file()
        .create(true)
        .truncate(false)
        .write(true)
        .open(file)
        .map_err(|error| StoreError::ReadOnly { file: file.to_owned(), why: error.to_string() })?;
    Ok(lock)
}

/// Finds damage now rather than in the middle of an outage.
async fn check(file: &Path, writer: &SqlitePool) -> Result<(), StoreError> {
    let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    if size > limits::STORE_CHECKED_BYTES_MAX {
        return Ok(());
    }
    let row = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(writer)
        .await
        .map_err(|error| StoreError::of(file, &error))?;
    match row.try_get::<String, _>(0) {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(StoreError::Corrupt { file: file.to_owned(), why: verdict }),
        Err(error) => Err(StoreError::of(file, &error)),
    }
}

/// SQLite opens a file that it may not write without a word; this is the word.
async fn prove_writable(writer: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE retention SET journal_before = journal_before").execute(writer).await.map(drop)
}
