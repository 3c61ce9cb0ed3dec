// SPDX-License-Identifier: GPL-2.0
/*
 * Edit distance, for "did you mean": insertions, deletions, replacements and
 * swaps of two neighbours count one each. Only the last three rows of the
 * table are kept. Names longer than NAME_LEN are no typing errors of ours.
 */
#include "nearest.h"

#define NAME_LEN 40

static unsigned int edit_distance(const char *a, unsigned int n, const char *b, unsigned int m)
{
	unsigned int rows[3][NAME_LEN + 1];
	unsigned int i, j;

	for (j = 0; j <= m; j++)
		rows[0][j] = j;
	for (i = 1; i <= n; i++) {
		unsigned int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = min(up[j], row[j - 1]) + 1;
			row[j] = min(row[j], up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min(row[j], up2[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

void nearest_offer(struct nearest *n, const char *name)
{
	size_t word_len = strlen(n->word), name_len = strlen(name);
	unsigned int distance;

	if (!word_len || word_len > NAME_LEN || name_len > NAME_LEN)
		return;
	/* A third of the letters may be wrong; of a short word, one. */
	distance = edit_distance(n->word, word_len, name, name_len);
	if (distance > max(word_len / 3, (size_t)1) || distance >= name_len)
		return;
	if (!n->name || distance < n->distance) {
		n->name = name;
		n->distance = distance;
	}
}
