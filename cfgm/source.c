// SPDX-License-Identifier: GPL-2.0
/*
 * The text of a config and of the files it includes, fit for libconfig 1.5.
 *
 * That library ends the process where its scanner fails (an include that is
 * a directory will do), cuts integers down to 32 bits without a word, and
 * recurses as deep as its input. So it never sees a file: what it gets is
 * read here, with includes put in place, comments gone, every integer checked
 * and marked as 64 bits long where it is, and braces counted. `lines` remembers where
 * each line came from.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfgm/internal.h"

struct scan {
	struct cfgm_source *src;
	struct error *err;
	struct cfgm_origin at;
	const char *p;			/* the text ends with a NUL and has no other */
	unsigned int braces;
	bool fixed;			/* not a file: the line does not advance */
	bool fresh;			/* only blanks so far on this line */
};

static int scan_file(struct cfgm_source *src, const char *path, const struct cfgm_origin *by,
		     struct error *err);

/* ---- output ---------------------------------------------------------------- */

/* Doubled when full, so that most are copied but once. */
static int grow(void *array, size_t size, size_t used, size_t *room)
{
	size_t want = max(*room * 2, (size_t)1024);
	void *p;

	if (used < *room)
		return 0;
	p = realloc(*(void **)array, want * size);
	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	*room = want;
	return 0;
}

static int out_of_memory(const struct scan *s)
{
	return error_set(s->err, ENOMEM, "%s: out of memory", s->at.file ?: "config");
}

static int line_begin(struct scan *s)
{
	struct cfgm_source *src = s->src;
	size_t room = src->line_room;

	if (grow(&src->lines, sizeof(*src->lines), src->line_count, &room))
		return out_of_memory(s);
	src->line_room = room;
	src->lines[src->line_count++] = s->at;
	return 0;
}

static int emit(struct scan *s, const char *text, size_t len)
{
	struct cfgm_source *src = s->src;

	if (len > CFGM_TEXT_MAX - src->len)
		return cfgm_fail(s->err, &s->at, "", "more than %u KiB: no config is this long",
				 CFGM_TEXT_MAX / 1024);
	while (src->len + len >= src->room) {
		if (grow(&src->text, 1, src->room, &src->room))
			return out_of_memory(s);
	}
	memcpy(src->text + src->len, text, len);
	src->len += len;
	src->text[src->len] = 0;
	return 0;
}

static int newline(struct scan *s)
{
	int ret = emit(s, "\n", 1);

	s->at.line += !s->fixed;
	s->fresh = true;
	return ret ?: line_begin(s);
}

/* ---- the kinds of token ------------------------------------------------------ */

static int scan_comment(struct scan *s)
{
	struct cfgm_origin start = s->at;
	int ret;

	if (s->p[0] == '#' || s->p[1] == '/') {
		s->p += strcspn(s->p, "\n");
		return 0;
	}
	for (s->p += 2; strncmp(s->p, "*/", 2); s->p++) {
		if (!*s->p)
			return cfgm_fail(s->err, &start, "", "comment is not closed: /*");
		ret = *s->p == '\n' ? newline(s) : 0;
		if (ret)
			return ret;
	}
	s->p += 2;
	return emit(s, " ", 1);
}

static int scan_string(struct scan *s)
{
	struct cfgm_origin start = s->at;
	const char *from = s->p++, *begin = from;
	int ret;

	while (*s->p != '"') {
		if (!*s->p)
			return cfgm_fail(s->err, &start, "", "string is not closed: %s",
					 cfgm_show(begin).text);
		if (!strncmp(s->p, "\\x00", 4))
			return cfgm_fail(s->err, &s->at, "", "a string cannot hold a zero byte: %s",
					 cfgm_show(from).text);
		if (*s->p == '\n') {
			ret = emit(s, from, s->p - from) ?: newline(s);
			if (ret)
				return ret;
			from = s->p + 1;
		}
		s->p += s->p[0] == '\\' && s->p[1] && s->p[1] != '\n' ? 2 : 1;
	}
	s->p++;
	return emit(s, from, s->p - from);
}

static bool is_number(const char *p)
{
	p += *p == '+' || *p == '-';
	p += *p == '.';
	return isdigit((unsigned char)*p);
}

static int scan_number(struct scan *s)
{
	const char *digits = s->p + (*s->p == '+' || *s->p == '-');
	size_t len = digits - s->p + strspn(digits, ".0123456789abcdefghijklmnopqrstuvwxyz_"
					    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	char word[48], out[32], *end;
	long long n;

	if (tolower(s->p[len - 1]) == 'e' && tolower(digits[1]) != 'x' &&
	    (s->p[len] == '-' || s->p[len] == '+'))
		len += 1 + strspn(s->p + len + 1, "0123456789");
	snprintf(word, sizeof(word), "%.*s", (int)min(len, sizeof(word) - 1), s->p);
	errno = 0;
	n = strtoll(word, &end, digits[0] == '0' && tolower(digits[1]) == 'x' ? 16 : 10);
	end += strspn(end, "L");
	if (!*end && (errno || len >= sizeof(word)))
		return cfgm_fail(s->err, &s->at, "", "number too large: %s", word);
	if (!*end) {
		s->p += len;
		return emit(s, out, snprintf(out, sizeof(out), n == (int)n ? "%lld" : "%lldL", n));
	}
	strtod(word, &end);
	if (*end)
		return cfgm_fail(s->err, &s->at, "", "not a number, and text stands in quotes: %s",
				 word);
	s->p += len;
	return emit(s, word, len);
}

/* @include "path", alone at the start of a line. */
static int scan_include(struct scan *s)
{
	static const char directive[] = "@include";
	const char *p = s->p + strlen(directive), *path;
	struct cfgm_arena *arena = s->src->arena;
	size_t len;
	int ret;

	if (s->fixed || !s->fresh || strncmp(s->p, directive, strlen(directive)))
		return cfgm_fail(s->err, &s->at, "", "@ only begins a line @include \"FILE\"");
	p += strspn(p, " \t");
	len = *p == '"' ? strcspn(p + 1, "\"\n") : 0;
	if (!len || p[1 + len] != '"')
		return cfgm_fail(s->err, &s->at, "", "@include wants a file name in quotes");
	path = cfgm_strndup(arena, p + 1, len);
	path = path ? cfgm_resolve(arena, s->at.file, path) : NULL;
	if (!path)
		return out_of_memory(s);
	s->p = p + len + 2;
	ret = emit(s, "\n", 1) ?: scan_file(s->src, path, &s->at, s->err);
	return ret ?: emit(s, "\n", 1) ?: line_begin(s);
}

static int scan_brace(struct scan *s)
{
	if (strchr("{([", *s->p) && ++s->braces > CFGM_DEPTH_MAX)
		return cfgm_fail(s->err, &s->at, "", "braces nested deeper than %u",
				 CFGM_DEPTH_MAX);
	if (strchr("})]", *s->p) && s->braces)
		s->braces--;
	return emit(s, s->p++, 1);
}

static int scan_token(struct scan *s)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_*";
	size_t len = strspn(s->p, name);
	const char *from = s->p;

	if (s->p[0] == '#' || !strncmp(s->p, "//", 2) || !strncmp(s->p, "/*", 2))
		return scan_comment(s);
	if (*s->p == '"')
		return scan_string(s);
	if (*s->p == '@')
		return scan_include(s);
	if (strchr("{}()[]", *s->p))
		return scan_brace(s);
	if (is_number(s->p))
		return scan_number(s);
	len = max(len, (size_t)1);
	s->p += len;
	return emit(s, from, len);
}

static int scan_text(struct scan *s)
{
	int ret = line_begin(s);

	s->fresh = true;
	while (!ret && *s->p) {
		if (*s->p == '\n') {
			ret = newline(s);
			s->p++;
		} else if (strchr(" \t\r\f", *s->p)) {
			ret = emit(s, " ", 1);
			s->p++;
		} else {
			ret = scan_token(s);
			s->fresh = false;
		}
	}
	return ret;
}

/* ---- files --------------------------------------------------------------------- */

const char *cfgm_resolve(struct cfgm_arena *arena, const char *file, const char *path)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	if (*path == '/' || !slash)
		return path;
	return cfgm_sprintf(arena, "%.*s/%s", (int)(slash - file), file, path);
}

static int read_all(int fd, const char *path, char *buf, struct error *err)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, buf + len, CFGM_TEXT_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "%s", path);
		len += n;
	} while (n && len <= CFGM_TEXT_MAX);
	/* What is binary is no config, however long; say the more telling of the two. */
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == 127 || ((u8)buf[i] < ' ' && !strchr("\t\n\r\f", buf[i])) || !buf[i])
			return error_set(err, EINVAL, "%s: not a config: it is binary", path);
	}
	if (len > CFGM_TEXT_MAX)
		return error_set(err, EINVAL, "%s: not a config: more than %u KiB", path,
				 CFGM_TEXT_MAX / 1024);
	if (!len)
		return error_set(err, EINVAL, "%s: not a config: it is empty", path);
	buf[len] = 0;
	return 0;
}

/* A pipe will do ("vmm run <(...)"), a directory or a disk will not. */
static int open_text(const char *path, struct error *err)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_errno(err, errno, "%s", path);
	if (!fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
		return fd;
	close(fd);
	return error_set(err, EINVAL, "%s: not a config: it is %s", path,
			 S_ISDIR(st.st_mode) ? "a directory" : "not a file");
}

static int scan_file(struct cfgm_source *src, const char *path, const struct cfgm_origin *by,
		     struct error *err)
{
	struct scan s = { .src = src, .err = err };
	char *buf;
	int fd, ret;

	if (src->files == CFGM_DEPTH_MAX)
		return cfgm_fail(err, by, "", "files included deeper than %u: %s", CFGM_DEPTH_MAX,
				 cfgm_show(path).text);
	fd = open_text(path, err);
	if (fd < 0) {
		ret = fd;
		goto err_include;
	}
	buf = malloc(CFGM_TEXT_MAX + 1);
	ret = buf ? read_all(fd, path, buf, err) :
		    error_set(err, ENOMEM, "%s: out of memory", path);
	close(fd);
	if (ret) {
		free(buf);
		goto err_include;
	}
	s.at.file = cfgm_strndup(src->arena, path, strlen(path));
	s.at.line = 1;
	s.p = buf;
	src->files++;
	ret = s.at.file ? scan_text(&s) : error_set(err, ENOMEM, "%s: out of memory", path);
	src->files--;
	free(buf);
	return ret;

err_include:
	if (by)
		error_prefix(err, "%s:%u: @include: ", by->file, by->line);
	return ret;
}

int cfgm_source_file(struct cfgm_source *src, const char *path, struct error *err)
{
	return scan_file(src, path, NULL, err);
}

int cfgm_source_text(struct cfgm_source *src, const char *text, const struct cfgm_origin *origin,
		     struct error *err)
{
	struct scan s = { .src = src, .err = err, .at = *origin, .p = text, .fixed = true };

	return scan_text(&s);
}

void cfgm_source_free(struct cfgm_source *src)
{
	free(src->text);
	free(src->lines);
}
