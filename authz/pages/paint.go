package pages

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// Ground colours of style.css that the accent stands on, as text.
const (
	lightGround = "#f3f1ec"
	lightCard   = "#ffffff"
	darkGround  = "#161514"
	darkCard    = "#211f1d"
)

// needed is the contrast of text (WCAG 2.2, 1.4.3 AA).
const needed = 4.5

// colour is one of sRGB, each part from 0 to 255.
type colour [3]float64

func parseColour(text string) (c colour, err error) {
	var r, g, b uint8
	if len(text) != 7 {
		return c, fmt.Errorf("%q is not a colour like %s", text, defaultAccent)
	}
	for _, digit := range strings.ToLower(text[1:]) {
		if !strings.ContainsRune("0123456789abcdef", digit) {
			return c, fmt.Errorf("%q is not a colour like %s", text, defaultAccent)
		}
	}
	if _, err := fmt.Sscanf(text, "#%02x%02x%02x", &r, &g, &b); err != nil {
		return c, fmt.Errorf("%q is not a colour like %s", text, defaultAccent)
	}
	return colour{float64(r), float64(g), float64(b)}, nil
}

// mustColour is for constants.
func mustColour(text string) colour {
	c, err := parseColour(text)
	if err != nil {
		panic(err)
	}
	return c
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0])), int(math.Round(c[1])), int(math.Round(c[2])))
}

// luminance is WCAG's relative luminance, 0 to 1.
func (c colour) luminance() float64 {
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		part := c[i] / 255
		if part <= .04045 {
			part /= 12.92
		} else {
			part = math.Pow((part+.055)/1.055, 2.4)
		}
		sum += weight * part
	}
	return sum
}

// contrast is WCAG's contrast ratio, 1 to 21.
func (c colour) contrast(d colour) float64 {
	a, b := c.luminance(), d.luminance()
	return (max(a, b) + .05) / (min(a, b) + .05)
}

// mixed is c with a share of d in it.
func (c colour) mixed(d colour, share float64) colour {
	for i := range c {
		c[i] += (d[i] - c[i]) * share
	}
	return c
}

// paint is what the configured colours come to.
type paint struct {
	accent, accentDark colour
	arch, archDark     colour // of the shapes behind the card
}

// The colours of ours.
const (
	defaultAccent     = "#1f5a4c"
	defaultAccentDark = "#86cbb5"
)

// newPaint checks that each colour can be read: on its ground, and as the ground
// of white (in the dark: of nearly black) text.
func newPaint(accent, accentDark string) (p paint, err error) {
	if accent == "" {
		accent, accentDark = defaultAccent, cmp.Or(accentDark, defaultAccentDark)
	}
	if p.accent, err = parseColour(accent); err != nil {
		return p, fmt.Errorf("accent: %w", err)
	}
	for _, ground := range []string{lightCard, lightGround} {
		if got := p.accent.contrast(mustColour(ground)); got < needed {
			return p, fmt.Errorf("accent: %s has a contrast of %.2f:1 to %s, text needs %.1f:1 (WCAG 1.4.3): take a darker one", accent, got, ground, needed)
		}
	}
	p.accentDark = p.accent
	for p.accentDark.contrast(mustColour(darkCard)) < needed+2.5 { // at ease, not just enough
		p.accentDark = mustColour(p.accentDark.mixed(colour{255, 255, 255}, .05).lighter().String())
	}
	if accentDark != "" {
		if p.accentDark, err = parseColour(accentDark); err != nil {
			return p, fmt.Errorf("accent_dark: %w", err)
		}
	}
	if got := p.accentDark.contrast(mustColour(darkCard)); got < needed {
		return p, fmt.Errorf("accent_dark: %s has a contrast of %.2f:1 to %s, text needs %.1f:1 (WCAG 1.4.3): take a lighter one", accentDark, got, darkCard, needed)
	}
	p.arch, p.archDark = mustColour(lightGround).mixed(p.accent, .07), mustColour(darkGround).mixed(p.accentDark, .09)
	return p, nil
}

// lighter makes sure that a step towards white is one after rounding.
func (c colour) lighter() colour {
	for i := range c {
		c[i] = min(255, c[i]+1)
	}
	return c
}

// css defines the colours that style.css uses.
func (p paint) css() string {
	return fmt.Sprintf(`:root{--ground:%s;--card:%s;--accent:%s;--on-accent:#fff;--arch:%s}
@media (prefers-color-scheme:dark){:root{--ground:%s;--card:%s;--accent:%s;--on-accent:%s;--arch:%s}}
`, lightGround, lightCard, p.accent, p.arch, darkGround, darkCard, p.accentDark, darkCard, p.archDark)
}
