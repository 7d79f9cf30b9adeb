package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// sealer seals what is private with AES-256-GCM. Its key is derived from the configuration's and the journal's identity by HKDF-SHA256, so
// that two journals with one journal.key share no key. A seal is a random nonce of 12 bytes, the ciphertext and the tag; it is bound to
// the record's number and type.
type sealer struct {
	identity string
	keyID    string
	master   []byte // the configuration's key
	aead     cipher.AEAD
}

// newSealer derives the keys; nil without a key.
func newSealer(key []byte, identity string) (*sealer, error) {
	if len(key) == 0 {
		return nil, nil //nolint:nilnil // nothing is sealed
	}
	derived, err := hkdf.Key(sha256.New, key, []byte(identity), "paritygate journal seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the journal's key: %w", err)
	}
	id, err := hkdf.Key(sha256.New, key, []byte(identity), "paritygate journal key id v1", 8)
	if err != nil {
		return nil, fmt.Errorf("deriving the journal's key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("deriving the journal's key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("deriving the journal's key: %w", err)
	}
	return &sealer{identity: identity, keyID: hex.EncodeToString(id), master: key, aead: aead}, nil
}

func (s *sealer) seal(plain, context []byte) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("sealing a record: %w", err)
	}
	return s.aead.Seal(nonce, nonce, plain, context), nil
}

func (s *sealer) open(sealed, context []byte) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, errors.New("what is sealed in it is too short")
	}
	plain, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], context)
	if err != nil {
		return nil, fmt.Errorf("what is sealed in it cannot be opened with this key: %w", err)
	}
	return plain, nil
}

// recordContext is what a record's seal is bound to: IDENTITY-SEQ/TYPE.
func recordContext(identity string, seq uint64, kind Type) []byte {
	b := make([]byte, 0, 48)
	b = append(append(b, identity...), '-')
	b = strconv.AppendUint(b, seq, 10)
	return append(append(b, '/'), kind...)
}
