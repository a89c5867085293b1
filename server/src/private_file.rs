//! Files that only their owner can read: they contain keys or buyers' data.

use std::fs::{File, OpenOptions};
use std::io::Result;
use std::path::Path;

/// Creates an empty file that only its owner can read and write.
///
/// # Errors
/// When the file exists, or can't be created.
pub fn create(path: impl AsRef<Path>) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether other users of the machine can read or write a file. `false` if that can't be told.
pub fn is_shared(path: impl AsRef<Path>) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
