//! Secrets of the store are sealed with a key that is not in it: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha).

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use super::Error;

/// Seals and opens what nobody may read in the store.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    path: PathBuf,
}

impl Seal {
    /// Reads the key in `path`. One is made there where there is none, unless secrets `were_sealed` before: they would be
    /// lost.
    pub(super) fn of_file(path: &Path, were_sealed: bool) -> Result<Self, Error> {
        let fail = |why: &str| Error::Key {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        if !path.exists() {
            if were_sealed {
                return Err(fail(
                    "is missing, and passwords in the store are sealed with it: put it back from where it is kept",
                ));
            }
            make(path).map_err(|error| fail(&error.to_string()))?;
        }
        let mut file = std::fs::File::open(path).map_err(|error| fail(&error.to_string()))?;
        let mode = file
            .metadata()
            .map_err(|error| fail(&error.to_string()))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(fail("can be read by others: chmod 0600"));
        }
        let mut text = String::new();
        let read = (&mut file).take(KEY_TEXT_MAX).read_to_string(&mut text);
        read.map_err(|error| fail(&error.to_string()))?;
        let key = hex::decode(text.trim()).ok();
        let key = key.filter(|key| key.len() == KEY_BYTES);
        let cipher = key.and_then(|key| XChaCha20Poly1305::new_from_slice(&key).ok());
        let cipher = cipher.ok_or_else(|| fail("is no key: 64 hexadecimal digits"))?;
        Ok(Self {
            cipher,
            path: path.to_owned(),
        })
    }

    /// Seals `bytes` as those of `owner`; a nonce stands before them.
    pub(super) fn seal(&self, owner: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: bytes,
            aad: owner.as_bytes(),
        };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| self.fail("cannot seal so much"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed as `owner`'s.
    pub(super) fn open(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (nonce, sealed) = sealed
            .split_at_checked(NONCE_BYTES)
            .unwrap_or((&[0; NONCE_BYTES], &[]));
        let payload = Payload {
            msg: sealed,
            aad: owner.as_bytes(),
        };
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), payload);
        opened.map_err(|_| {
            self.fail("does not open what the store holds: put the key back that was there when it was written")
        })
    }

    fn fail(&self, why: &str) -> Error {
        Error::Key {
            path: self.path.clone(),
            why: why.to_owned(),
        }
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.path.display())
    }
}

/// Makes a key that only we may read; a half-written one is never found under its name.
fn make(path: &Path) -> std::io::Result<()> {
    let key: [u8; KEY_BYTES] = rand::random();
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(&beside)?;
    writeln!(file, "{}", hex::encode(key))?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

const KEY_BYTES: usize = 32;
const KEY_TEXT_MAX: u64 = 1024;
const NONCE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_its_owner_and_key_only() {
        let folder = Folder::new("seal");
        std::fs::create_dir_all(&folder.0).unwrap();
        let path = folder.0.join("secrets.key");
        let seal = Seal::of_file(&path, false).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = seal.seal("c1", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|bytes| bytes == b"hunter2"));
        let again = Seal::of_file(&path, true).unwrap();
        assert_eq!(again.open("c1", &sealed).unwrap(), b"hunter2");
        assert!(again.open("c2", &sealed).is_err());
        assert!(again.open("c1", &sealed[..10]).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(Seal::of_file(&path, true).is_err());
        let other = Seal::of_file(&path, false).unwrap();
        assert!(other.open("c1", &sealed).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let folder = Folder::new("key");
        std::fs::create_dir_all(&folder.0).unwrap();
        let path = folder.0.join("secrets.key");
        for (text, mode) in [("00".repeat(32), 0o640), ("00".repeat(31), 0o600)] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(
                Seal::of_file(&path, false),
                Err(Error::Key { .. })
            ));
        }
    }
}
