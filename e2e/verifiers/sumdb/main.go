// Verifies a published log with the code of Go's checksum database (golang.org/x/mod/sumdb),
// which knows nothing of Sluss. Height 8 is what C2SP tlog-tiles calls a tile.
//
//	verify LOG VKEY      checkpoint, every entry, every tile; exits 1 and says why, or 0
//	flip FILE OFFSET     inverts one bit of the byte at OFFSET, counted from the end if negative
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "verify":
		err = verify(os.Args[2], os.Args[3])
	case len(os.Args) == 4 && os.Args[1] == "flip":
		err = flip(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: verify LOG VKEY | flip FILE OFFSET")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verify(log, vkeyFile string) error {
	tree, err := checkpoint(log, vkeyFile)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	entries, err := entries(log, tree.N)
	if err != nil {
		return fmt.Errorf("entries: %w", err)
	}
	if err := inclusion(log, tree, entries); err != nil {
		return fmt.Errorf("inclusion: %w", err)
	}
	hashes, err := replay(tree, entries)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	tiles, err := compareTiles(log, tree, hashes)
	if err != nil {
		return fmt.Errorf("tiles: %w", err)
	}
	fmt.Printf("accepted: checkpoint, %d entries, %d tiles\n", tree.N, tiles)
	return nil
}

func checkpoint(log, vkeyFile string) (tlog.Tree, error) {
	vkey, err := os.ReadFile(vkeyFile)
	if err != nil {
		return tlog.Tree{}, err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return tlog.Tree{}, err
	}
	text, err := os.ReadFile(filepath.Join(log, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// path is where C2SP tlog-tiles keeps what the checksum database has under tile/8/.
func path(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

func entries(log string, size int64) ([][]byte, error) {
	var all [][]byte
	for first := int64(0); first < size; first += 1 << height {
		tile := tlog.Tile{H: height, L: -1, N: first >> height, W: 1 << height}
		if left := size - first; left < 1<<height {
			tile.W = int(left)
		}
		bundle, err := os.ReadFile(filepath.Join(log, path(tile)))
		if err != nil {
			return nil, err
		}
		for len(bundle) > 0 {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("%s is cut off", path(tile))
			}
			length := int(binary.BigEndian.Uint16(bundle))
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	if int64(len(all)) != size {
		return nil, fmt.Errorf("%d entries, not %d", len(all), size)
	}
	return all, nil
}

// folder reads tiles as the checksum database's client does over HTTP.
type folder string

func (log folder) Height() int { return height }

func (log folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (log folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		content, err := os.ReadFile(filepath.Join(string(log), path(tile)))
		if err != nil {
			return nil, err
		}
		all = append(all, content)
	}
	return all, nil
}

// inclusion proves some entries out of the tiles alone: the first, the last and about 500 others.
func inclusion(log string, tree tlog.Tree, entries [][]byte) error {
	reader := tlog.TileHashReader(tree, folder(log))
	step := tree.N/500 + 1
	for index := int64(0); index < tree.N; index++ {
		if index%step != 0 && index != tree.N-1 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		hash := tlog.RecordHash(entries[index])
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return nil
}

// replay hashes every entry and returns all hashes of the tree, whose root has to be the signed.
func replay(tree tlog.Tree, entries [][]byte) (tlog.HashReaderFunc, error) {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for position, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, fmt.Errorf("no hash %d", index)
			}
			found[position] = stored[index]
		}
		return found, nil
	})
	for index, entry := range entries {
		hashes, err := tlog.StoredHashesForRecordHash(int64(index), tlog.RecordHash(entry), read)
		if err != nil {
			return nil, err
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(tree.N, read)
	if err != nil {
		return nil, err
	}
	if root != tree.Hash {
		return nil, fmt.Errorf("the entries have root %s, the checkpoint %s", root, tree.Hash)
	}
	return read, nil
}

// compareTiles compares every tile of the tree with what the entries give.
func compareTiles(log string, tree tlog.Tree, hashes tlog.HashReaderFunc) (int, error) {
	compared := 0
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		// It lists every width that a last tile had while the tree grew; only the present one
		// belongs to this tree.
		width := tree.N>>(height*tile.L) - tile.N<<height
		if tile.W < 1<<height && int64(tile.W) != width {
			continue
		}
		want, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return 0, err
		}
		found, err := os.ReadFile(filepath.Join(log, path(tile)))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(found, want) {
			return 0, fmt.Errorf("%s differs", path(tile))
		}
		compared++
	}
	return compared, nil
}

// flip replaces a file by a copy with one bit inverted; other links to it keep the old one.
func flip(file, offset string) error {
	at, err := strconv.Atoi(offset)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if at < 0 {
		at += len(content)
	}
	if at < 0 || at >= len(content) {
		return fmt.Errorf("%s has no byte %s", file, offset)
	}
	content[at] ^= 1
	if err := os.Remove(file); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}
