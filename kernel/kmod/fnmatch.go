package kmod

// Match reports whether a shell pattern covers the whole name, as fnmatch(3) with no flags in the
// C locale: '*' and '?' also match '/', a backslash quotes, "[!a-z]" negates, an unclosed bracket
// is an ordinary character. It takes at most len(pattern)*len(name) steps.
func Match(pattern, name string) bool {
	p, n := 0, 0
	star, retry := -1, 0 // the last '*', and where in name it was tried up to
	for {
		ok := false
		switch {
		case p == len(pattern):
			if n == len(name) {
				return true
			}
		case pattern[p] == '*':
			star, retry = p, n
			p++
			continue
		case n < len(name):
			var next int
			if ok, next = matchOne(pattern, p, name[n]); ok {
				p, n = next, n+1
			}
		}
		if ok {
			continue
		}
		if star < 0 || retry >= len(name) {
			return false
		}
		retry++
		p, n = star+1, retry
	}
}

// matchOne matches one pattern element at p (not '*') against c and gives the index after it.
func matchOne(pattern string, p int, c byte) (bool, int) {
	switch pattern[p] {
	case '?':
		return true, p + 1
	case '\\':
		if p+1 < len(pattern) {
			return pattern[p+1] == c, p + 2
		}
		return false, p + 1
	case '[':
		if ok, next, closed := matchBracket(pattern, p+1, c); closed {
			return ok, next
		}
	}
	return pattern[p] == c, p + 1
}

// matchBracket matches a bracket expression whose first character is at p.
func matchBracket(pattern string, p int, c byte) (ok bool, next int, closed bool) {
	not := false
	if p < len(pattern) && (pattern[p] == '!' || pattern[p] == '^') {
		not = true
		p++
	}
	for first := true; p < len(pattern); first = false {
		if pattern[p] == ']' && !first {
			return ok != not, p + 1, true
		}
		if pattern[p] == '[' && p+1 < len(pattern) && pattern[p+1] == ':' {
			if in, end, isClass := matchClass(pattern, p+2, c); isClass {
				ok, p = ok || in, end
				continue
			}
		}
		lo, q := bracketChar(pattern, p)
		hi := lo
		if q+1 < len(pattern) && pattern[q] == '-' && pattern[q+1] != ']' {
			hi, q = bracketChar(pattern, q+1)
		}
		if lo <= c && c <= hi {
			ok = true
		}
		p = q
	}
	return false, p, false
}

func bracketChar(pattern string, p int) (byte, int) {
	if pattern[p] == '\\' && p+1 < len(pattern) {
		return pattern[p+1], p + 2
	}
	return pattern[p], p + 1
}

// matchClass matches a named class such as [:digit:] whose name begins at p.
func matchClass(pattern string, p int, c byte) (in bool, next int, isClass bool) {
	end := p
	for end < len(pattern) && pattern[end] >= 'a' && pattern[end] <= 'z' {
		end++
	}
	if end+1 >= len(pattern) || pattern[end] != ':' || pattern[end+1] != ']' {
		return false, p, false
	}
	lower, upper := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z'
	digit := c >= '0' && c <= '9'
	hex := digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	switch pattern[p:end] {
	case "alpha":
		in = lower || upper
	case "digit":
		in = digit
	case "alnum":
		in = lower || upper || digit
	case "lower":
		in = lower
	case "upper":
		in = upper
	case "xdigit":
		in = hex
	case "space":
		in = c == ' ' || c >= '\t' && c <= '\r'
	case "blank":
		in = c == ' ' || c == '\t'
	case "punct":
		in = c > ' ' && c < 0x7f && !lower && !upper && !digit
	case "graph":
		in = c > ' ' && c < 0x7f
	case "print":
		in = c >= ' ' && c < 0x7f
	case "cntrl":
		in = c < ' ' || c == 0x7f
	default:
		return false, p, false
	}
	return in, end + 2, true
}
