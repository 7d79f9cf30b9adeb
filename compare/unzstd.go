package compare

import (
	"errors"

	"github.com/klauspost/compress/zstd"
)

// Limits of zstd, in bytes.
const (
	maxWindow = 8 << 20   // of what is taken: RFC 9659 allows no larger window in a Content-Encoding
	maxBlock  = 128 << 10 // of what one block holds, as RFC 8878 has it
)

// unzstd undoes zstd, of one frame or several. The output is the window, so that none is allocated for what a header claims.
type unzstd struct{ decoder *zstd.Decoder }

func (z *unzstd) decode(dst, body []byte, limit int, o *opener) ([]byte, error) {
	most, window := promises(body)
	switch {
	case window > maxWindow:
		return dst, errTooLarge
	case most > maxKept:
		o.await()
	}
	decoder, err := z.decoder, error(nil)
	switch {
	case most > uint64(limit):
		// It may hold less than its blocks could. The decoder refuses windows beyond its limit, so that it cannot be lower.
		decoder, err = newUnzstd(zstd.WithDecoderMaxMemory(uint64(max(limit, maxWindow))))
	case decoder == nil:
		decoder, err = newUnzstd()
		z.decoder = decoder
	}
	if err != nil {
		return dst, err
	}
	out, err := decoder.DecodeAll(body, dst)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded) || err == nil && len(out) > limit:
		return out, errTooLarge
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return dst, errNoDecoder
	}
	return out, err
}

func newUnzstd(options ...zstd.DOption) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, append(options, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<40))...)
}

// promises reads the headers of frames and blocks: how many bytes they say or can hold, and the largest window that they ask for. It
// stops at what is not valid, which the decoder refuses too.
func promises(body []byte) (most, window uint64) {
	for {
		var h zstd.Header
		if h.Decode(body) != nil {
			return most, window
		}
		body = body[h.HeaderSize:]
		if h.Skippable {
			body = body[min(uint64(len(body)), uint64(h.SkippableSize)):]
			continue
		}
		blocks, rest := walk(body)
		if h.HasFCS {
			blocks = min(h.FrameContentSize, 1<<40) // so much is made room for
		}
		if !h.SingleSegment {
			window = max(window, h.WindowSize)
		}
		most += blocks
		if h.HasCheckSum {
			rest = rest[min(len(rest), 4):]
		}
		body = rest
	}
}

// walk returns how many bytes the blocks of a frame can hold at most, and what follows the last of them.
func walk(body []byte) (most uint64, rest []byte) {
	for last := false; !last && len(body) >= 3; {
		header := uint32(body[0]) | uint32(body[1])<<8 | uint32(body[2])<<16
		last = header&1 == 1
		size := header >> 3
		onWire, holds := size, uint64(size)
		switch header >> 1 & 3 {
		case 1: // one byte, repeated
			onWire = 1
		case 2: // compressed
			holds = maxBlock
		}
		most += holds
		body = body[3:]
		body = body[min(len(body), int(onWire)):]
	}
	return most, body
}
