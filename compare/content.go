package compare

import "strings"

// part is one side's body, or a part of a multipart body, with what is said about it.
type part struct {
	// body is decoded: no Content-Encoding is left.
	body []byte
	// declared is the Content-Type as it was sent; empty if there was none.
	declared string
	// media is the type and subtype of declared in lower case, such as `application/json`.
	media string
	// answer is where it came from.
	answer *Answer
}

// parameter returns a parameter of the Content-Type, such as `charset`, with its quotes undone; empty if there is none.
func (p *part) parameter(name string) string { return mediaParameter(p.declared, name) }

// outcome says what kept a comparison from its end; it is zero if nothing did.
type outcome struct {
	// old and new say why that side is not what it claims to be. Nothing was recorded then.
	old, new error
	// tooComplex says that a limit was passed; what was recorded until then holds.
	tooComplex bool
}

// comparison compares two bodies of one format. It is called only if their bytes differ, or if a rule renames. It tells rec
// what differs and what was forgiven; paths begin at `$`, whatever the place of the two is, and its cursor stands at that
// place after [recorder.enter].
type comparison func(c *Comparer, old, new part, rec *recorder) outcome

// format is how a body is compared. Different media types may share one.
type format uint8

const (
	formatBinary format = iota // by size and hash; whatever nothing else is known of
	formatText
	formatJSON
	formatRecords // NDJSON and its kin: an array of JSON texts
	formatTable   // CSV and TSV
	formatForm
	formatMultipart
	formatHTML
	formatXML
	formatProtobuf
	formatGRPC
)

// formats leads from media types to formats. [formatOf] knows the families of types besides.
var formats = map[string]format{
	"application/json":                  formatJSON,
	"text/json":                         formatJSON,
	"application/x-json":                formatJSON,
	"application/graphql-response":      formatJSON,
	"application/x-ndjson":              formatRecords,
	"application/ndjson":                formatRecords,
	"application/jsonl":                 formatRecords,
	"application/x-jsonl":               formatRecords,
	"application/jsonlines":             formatRecords,
	"application/x-jsonlines":           formatRecords,
	"application/json-lines":            formatRecords,
	"application/json-seq":              formatRecords,
	"application/stream+json":           formatRecords,
	"text/x-ndjson":                     formatRecords,
	"text/ndjson":                       formatRecords,
	"text/jsonl":                        formatRecords,
	"text/csv":                          formatTable,
	"application/csv":                   formatTable,
	"text/tab-separated-values":         formatTable,
	"application/x-www-form-urlencoded": formatForm,
	"text/html":                         formatHTML,
	"text/xml":                          formatXML,
	"application/xml":                   formatXML,
	"application/javascript":            formatText,
	"application/x-javascript":          formatText,
	"application/ecmascript":            formatText,
	"application/typescript":            formatText,
	"application/graphql":               formatText,
	"application/sql":                   formatText,
	"application/yaml":                  formatText,
	"application/x-yaml":                formatText,
	"application/toml":                  formatText,
	"application/http":                  formatText,
	"application/x-sh":                  formatText,
	"application/rtf":                   formatText,
	"message/http":                      formatText,
	"message/rfc822":                    formatText,
	"application/protobuf":              formatProtobuf,
	"application/x-protobuf":            formatProtobuf,
	"application/vnd.google.protobuf":   formatProtobuf,
	"application/proto":                 formatProtobuf,
	"application/x-google-protobuf":     formatProtobuf,
	"application/grpc":                  formatGRPC,
	"application/grpc-web":              formatGRPC,
	"application/grpc-web-text":         formatGRPC,
}

// formatOf returns the format of a media type. One that is not known is binary.
func formatOf(media string) format {
	if f, ok := formats[media]; ok {
		return f
	}
	switch kind, subtype, _ := strings.Cut(media, "/"); {
	case strings.HasPrefix(media, "application/grpc+"), strings.HasPrefix(media, "application/grpc-web+"),
		strings.HasPrefix(media, "application/grpc-web-text+"):
		return formatGRPC
	case strings.HasSuffix(subtype, "+json"):
		return formatJSON
	case strings.HasSuffix(subtype, "+json-seq"), strings.HasSuffix(subtype, "+ndjson"), strings.HasSuffix(subtype, "+jsonl"):
		return formatRecords
	case strings.HasSuffix(subtype, "+xml"):
		return formatXML
	case strings.HasSuffix(subtype, "+protobuf"), strings.HasSuffix(subtype, "+proto"):
		return formatProtobuf
	case strings.HasSuffix(subtype, "+yaml"), kind == "text":
		return formatText
	case kind == "multipart":
		return formatMultipart
	}
	return formatBinary
}

// comparison returns how bodies of the format are compared.
func (f format) comparison() comparison {
	switch f {
	case formatJSON:
		return compareJSON
	case formatRecords:
		return compareRecords
	case formatTable:
		return compareTable
	case formatForm:
		return compareForm
	case formatMultipart:
		return compareMultipart
	case formatHTML:
		return compareHTML
	case formatXML:
		return compareXML
	case formatProtobuf:
		return compareProtobuf
	case formatText:
		return compareText
	case formatGRPC:
		return compareGRPC
	case formatBinary:
	}
	return compareBinary
}

// structured reports whether bodies of the format have places, with a path each, which rules can decide on.
func (f format) structured() bool { return f != formatBinary && f != formatText }

// String returns the format's name as it stands in front of what is wrong with a body.
func (f format) String() string {
	switch f {
	case formatBinary:
		return "binary"
	case formatText:
		return "text"
	case formatJSON:
		return "JSON"
	case formatRecords:
		return "NDJSON"
	case formatTable:
		return "CSV"
	case formatForm:
		return "form"
	case formatMultipart:
		return "multipart"
	case formatHTML:
		return "HTML"
	case formatXML:
		return "XML"
	case formatProtobuf:
		return "protobuf"
	case formatGRPC:
		return "gRPC"
	}
	return "body"
}

// mediaType returns the type and subtype of a Content-Type in lower case.
func mediaType(declared string) string {
	media, _, _ := strings.Cut(declared, ";")
	return lower(strings.Trim(media, " \t"))
}

// contentType returns the answer's Content-Type; empty if it has none.
func (a *Answer) contentType() string {
	if values := a.Header["Content-Type"]; len(values) > 0 {
		return strings.Trim(values[0], " \t")
	}
	return ""
}

// mediaParameter returns a parameter of a Content-Type, whose name is given in lower case; the first one counts.
func mediaParameter(declared, name string) string {
	_, rest, more := strings.Cut(declared, ";")
	for more {
		var key string
		rest = strings.TrimLeft(rest, " \t;")
		end := strings.IndexAny(rest, "=;")
		if end < 0 {
			return ""
		}
		key = lower(strings.Trim(rest[:end], " \t"))
		if rest[end] == ';' {
			rest = rest[end:]
			continue
		}
		var value string
		value, rest = parameterValue(strings.TrimLeft(rest[end+1:], " \t"))
		if key == name {
			return value
		}
		_, rest, more = strings.Cut(rest, ";")
	}
	return ""
}

// parameterValue reads a token or a quoted string, and returns what follows.
func parameterValue(s string) (value, rest string) {
	if s == "" || s[0] != '"' {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			end = len(s)
		}
		return strings.Trim(s[:end], " \t"), s[end:]
	}
	var out []byte
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return string(out), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		out = append(out, s[i])
	}
	return string(out), ""
}
