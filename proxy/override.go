package proxy

import (
	"bytes"
	"strings"
)

// overridesMethod reports whether a header or a parameter of the query asks the backend to take the request for another than
// a safe method. Frameworks read the parameter of POST requests; that of a GET counts too, since some can be told to.
func overridesMethod(in *inbound) bool {
	for name, values := range in.header {
		if !overrideHeader(name) {
			continue
		}
		for _, v := range values {
			if unsafeName(v) {
				return true
			}
		}
	}
	return in.query != "" && formOverrides(in.query)
}

// overrideHeader knows the header's names, with `_` for `-` too: behind CGI and its heirs the two are one.
func overrideHeader(name string) bool {
	switch len(name) {
	case len("X-Http-Method"), len("X-Method-Override"), len("X-Http-Method-Override"):
	default:
		return false
	}
	for _, known := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if len(name) == len(known) && strings.EqualFold(strings.ReplaceAll(name, "_", "-"), known) {
			return true
		}
	}
	return false
}

// unsafeName reports whether an override names a method that may write; an empty one overrides nothing.
func unsafeName(method string) bool {
	method = strings.ToUpper(strings.TrimSpace(method))
	return method != "" && !safeMethod(method)
}

// overrideParameter is how Rails, Laravel, Symfony and Express's method-override call the parameter; ASP.NET takes the
// header's name.
func overrideParameter(name string) bool {
	return len(name) >= len("_method") && (strings.EqualFold(name, "_method") || overrideHeader(name))
}

// formOverrides looks at the parameters of a query or form.
func formOverrides(form string) bool {
	return anyParameter(form, func(name, value string) bool {
		return overrideParameter(name) && unsafeName(unescapeLeniently(value))
	})
}

// mayOverride reports whether a body that is not understood may name another method.
func mayOverride(body []byte) bool { return bytes.Contains(body, []byte("_method")) }
