// Package config reads paritygate's one YAML file, strictly, and says everything that is wrong with it at once.
//
//	bytes → goccy's parser → tree (positions kept, anchors and merge keys resolved)
//	      → schema: each section lists its keys once, with a codec for each
//	      → decode (expands ${NAME} in scalars, types, ranges) → contradictions between fields → Config
//
// The same schema encodes a Config again, which gives the effective configuration with its secrets redacted, the part of
// it that decides about evidence with its checksum, and the fields that a reload cannot change.
//
// A problem reads `file:line:column: path: message`, and says what would be right.
package config
