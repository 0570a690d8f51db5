//! Artifacts in the blobs of the data folder.

use std::io::{self, Read};

use sluss_core::ids::Digest;
use sluss_store::{BlobError, FileBlobs};

use super::{BlobSink, BlobSource, MOST_BYTES};

impl BlobSink for FileBlobs {
    fn put(&self, reader: &mut dyn Read) -> io::Result<(Digest, u64)> {
        self.put_reader_blocking(reader, MOST_BYTES).map_err(into_io)
    }
}

impl BlobSource for FileBlobs {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.open_blocking(digest).map_err(into_io)?))
    }
}

fn into_io(error: BlobError) -> io::Error {
    match error {
        BlobError::Io(error) => error,
        other @ BlobError::Missing(_) => io::Error::new(io::ErrorKind::NotFound, other),
        other @ (BlobError::Corrupt { .. } | BlobError::TooLarge { .. }) => io::Error::other(other),
    }
}
