//! The admin socket: HTTP/1.1 over a Unix socket that only the group `huiju-admin` may use.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Group, chown};
use tokio::net::UnixListener;
use tracing::debug;

/// Binds the admin socket: 0660, of the group `huiju-admin` where there is one. A socket that a daemon
/// left behind is replaced: the lock of the data folder says that it is gone.
///
/// # Errors
///
/// The folder cannot be made, or something that is no socket is in the way.
pub fn bind_admin(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "is no socket")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    if let Ok(Some(group)) = Group::from_name(ADMIN_GROUP)
        && let Err(error) = chown(path, None, Some(group.gid))
    {
        debug!(%error, "the admin socket keeps its group");
    }
    Ok(listener)
}

const ADMIN_GROUP: &str = "huiju-admin";
