package compare

import (
	"fmt"
	"strings"
	"testing"
)

// A page, a feed and a message of about 32 KiB, of which the other side spells some differently.
func BenchmarkTrees(b *testing.B) {
	var page, feed, message strings.Builder
	for i := range 200 {
		fmt.Fprintf(&page, "<tr class=\"row\" id=\"r%d\"><td><a href=\"/items/%d\">Item %d</a></td>\n <td class=\"price\">%d.00 &euro;</td><td>some <b>text</b> of it</td></tr>\n", i, i, i, i)
		fmt.Fprintf(&feed, "<item id=\"%d\" state=\"sale\"><title>Item %d</title>\n  <link>https://example.com/items/%d</link><price currency=\"EUR\">%d.00</price></item>\n", i, i, i, i)
		message.WriteString(bytesField(3, varint(1, uint64(i))+bytesField(2, strings.Repeat("text ", 25))+fixed64(4, uint64(i))+bytesField(5, varint(1, 1700000000)+varint(2, 5))))
	}
	pages := "<!doctype html><html><body><table><tbody>" + page.String() + "</tbody></table></body></html>"
	feeds := "<feed xmlns=\"urn:x\">" + feed.String() + "</feed>"
	for _, tc := range []struct{ name, media, old, new string }{
		{"HTML", "text/html", pages, strings.Replace(pages, `class="row" id="r100"`, `id='r100' class='row'`, 1)},
		{"XML", "application/xml", feeds, strings.Replace(feeds, `id="100" state="sale"`, `state='sale' id='100'`, 1)},
		{"protobuf", "application/protobuf", message.String() + varint(9, 1), varint(9, 1) + message.String()},
	} {
		b.Run(tc.name, func(b *testing.B) {
			c, old, new := comparer(b), answer(200, tc.old, ct, tc.media), answer(200, tc.new, ct, tc.media)
			b.SetBytes(int64(len(tc.old)))
			b.ReportAllocs()
			for b.Loop() {
				if got := c.Compare(old, new); got.Verdict != Match {
					b.Fatalf("%+v", got)
				}
			}
		})
	}
}
