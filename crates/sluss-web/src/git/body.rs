//! The body of a client's request: unpacked, counted, streamed.

use std::io::{self, Write as _};

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures_util::{Stream, StreamExt as _, stream};

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
}

impl Encoding {
    /// Returns the encoding that the headers name, if it is one that Git uses.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
            None | Some(b"identity") => Some(Self::Plain),
            Some(b"gzip" | b"x-gzip") => Some(Self::Gzip),
            Some(_) => None,
        }
    }
}

/// So much is unpacked at once; gzip makes at most a thousand times as much of it.
const PIECE_BYTES: usize = 4096;

struct Input {
    body: BodyDataStream,
    unpacker: Option<MultiGzDecoder<Vec<u8>>>,
    packed: Bytes,
    left: u64,
}

/// Returns the unpacked body. More than `limit` bytes end it with
/// [`io::ErrorKind::FileTooLarge`], a bad packing with [`io::ErrorKind::InvalidData`].
pub(super) fn input(
    body: Body,
    encoding: Encoding,
    limit: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let unpacker = match encoding {
        Encoding::Plain => None,
        Encoding::Gzip => Some(MultiGzDecoder::new(Vec::new())),
    };
    let input =
        Input { body: body.into_data_stream(), unpacker, packed: Bytes::new(), left: limit };
    // An error is the last item: Git must not take what comes after a gap.
    stream::unfold(Some(input), async |input| {
        let mut input = input?;
        match input.next().await {
            Ok(chunk) => chunk.map(|chunk| (Ok(chunk), Some(input))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl Input {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let chunk = if self.packed.is_empty() {
                match self.body.next().await {
                    None => return self.rest(),
                    Some(chunk) => chunk.map_err(io::Error::other)?,
                }
            } else {
                self.packed.split_to(self.packed.len().min(PIECE_BYTES))
            };
            let chunk = match &mut self.unpacker {
                None => chunk,
                Some(_) if chunk.len() > PIECE_BYTES => {
                    self.packed = chunk;
                    continue;
                }
                Some(unpacker) => {
                    unpacker.write_all(&chunk).map_err(badly_packed)?;
                    Bytes::from(std::mem::take(unpacker.get_mut()))
                }
            };
            if !chunk.is_empty() {
                return self.count(chunk).map(Some);
            }
        }
    }

    fn rest(&mut self) -> io::Result<Option<Bytes>> {
        let Some(unpacker) = self.unpacker.take() else { return Ok(None) };
        let rest = unpacker.finish().map_err(badly_packed)?;
        if rest.is_empty() { Ok(None) } else { self.count(rest.into()).map(Some) }
    }

    fn count(&mut self, chunk: Bytes) -> io::Result<Bytes> {
        match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(chunk)
            }
            None => Err(io::Error::new(io::ErrorKind::FileTooLarge, "the request is too large")),
        }
    }
}

fn badly_packed(error: io::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    async fn read(body: Vec<u8>, encoding: Encoding, limit: u64) -> io::Result<Vec<u8>> {
        let mut stream = std::pin::pin!(input(Body::from(body), encoding, limit));
        let mut all = Vec::new();
        while let Some(chunk) = stream.next().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn a_packed_body_is_unpacked() {
        let text: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(read(packed(&text), Encoding::Gzip, 1 << 30).await.unwrap(), text);
        assert_eq!(read(text.clone(), Encoding::Plain, 1 << 30).await.unwrap(), text);
    }

    #[tokio::test]
    async fn a_small_body_that_unpacks_to_too_much_is_refused() {
        let bomb = packed(&vec![0; 50_000_000]);
        assert!(bomb.len() < 100_000);
        let error = read(bomb, Encoding::Gzip, 1_000_000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[tokio::test]
    async fn a_body_that_is_not_packed_as_it_says_is_refused() {
        let mut cut = packed(b"0011want something\n");
        cut.truncate(15);
        for body in [cut, b"not gzip at all".to_vec()] {
            let error = read(body, Encoding::Gzip, 1 << 20).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
