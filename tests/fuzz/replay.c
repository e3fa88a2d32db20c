/*
 * A main for the fuzz targets in builds without libFuzzer: plays a corpus, then mutations of it.
 *
 *	fuzz_names CORPUS_FOLDER	the files in the order of their names, then MUTATIONS inputs
 *	fuzz_names FILE			this one input, as often as it is named
 *
 * The mutations are the same on every machine and every day (own generator, fixed seed); a slow
 * machine stops after ENOUGH_MS and has played fewer. Each input lies in memory of just its size,
 *so that reading past its end is seen. An input that ends the process, or takes longer than
 * HANG_SECONDS, is written to NAME.failed in the working directory: play it again by naming it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
/* The sanitizers' last words come through here where they do not abort. */
void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

enum {
	MUTATIONS = 4000,
	ENOUGH_MS = 3000,
	HANG_SECONDS = 20,
	INPUT_MOST = 128 * 1024,
	SEEDS = 512
};

struct input {
	uint8_t *data;
	size_t size;
};

static struct input seeds[SEEDS];
static size_t seed_count;

/* ---- an input that fails is kept ----------------------------------------------------------- */

static struct input running;
static char failed_path[300];

static void keep_failed(void)
{
	static const char words[] = ": an input failed, kept in the working directory\n";
	int fd = open(failed_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n;

	if (fd < 0 || !running.data)
		return;
	n = write(fd, running.data, running.size);
	n += write(STDERR_FILENO, failed_path, strlen(failed_path));
	n += write(STDERR_FILENO, words, sizeof(words) - 1);
	(void)n; /* the process ends with its own message in any case */
	(void)close(fd);
}

static void on_end(int signal)
{
	keep_failed();
	(void)raise(signal); /* as it would have ended: the handler is gone by now */
}

static void watch_for_the_end(const char *program)
{
	const char *name = strrchr(program, '/');
	struct sigaction act = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND};

	(void)snprintf(failed_path, sizeof(failed_path), "%.200s.failed",
	               name ? name + 1 : program);
	(void)sigaction(SIGABRT, &act, NULL);
	(void)sigaction(SIGALRM, &act, NULL);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_failed);
}

static void play(struct input in)
{
	running.size = in.size;
	running.data = malloc(in.size ? in.size : 1);
	if (!running.data)
		abort();
	memcpy(running.data, in.data, in.size);
	(void)alarm(HANG_SECONDS);
	(void)LLVMFuzzerTestOneInput(running.data, running.size);
	(void)alarm(0);
	free(running.data);
	running.data = NULL;
}

/* ---- the corpus ---------------------------------------------------------------------------- */

static void read_seed(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct input in = {mem_new(INPUT_MOST), 0};

	if (!f || seed_count == SEEDS) {
		(void)fprintf(stderr, "%s: cannot be read, or is one too many\n", path);
		exit(1);
	}
	in.size = fread(in.data, 1, INPUT_MOST, f);
	(void)fclose(f);
	seeds[seed_count++] = in;
}

static void read_folder(const char *path)
{
	struct dirent **names = NULL;
	int count = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char *file = mem_printf("%s/%s", path, names[i]->d_name);

		if (names[i]->d_name[0] != '.')
			read_seed(file);
		free(file);
		free(names[i]);
	}
	free(names);
}

static bool read_all(int argc, char **argv)
{
	bool folders = false;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			read_folder(argv[i]);
			folders = true;
		} else {
			read_seed(argv[i]);
		}
	}
	return folders;
}

/* ---- mutations ----------------------------------------------------------------------------- */

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

/* xorshift64* (Marsaglia; Vigna): 0 .. below-1 */
static size_t pick(size_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (size_t)((random_state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % below;
}

static void change_byte(struct input *in)
{
	static const uint8_t telling[] = {0,   1,   '\n', '\r', ' ',  '"',  '%',  '*',  ',',  '.',
	                                  '/', ':', '\\', '{',  0x7F, 0x80, 0xC3, 0xE2, 0xFE, 0xFF};
	size_t at = pick(in->size);

	if (pick(2))
		in->data[at] ^= (uint8_t)(1u << pick(8));
	else
		in->data[at] = telling[pick(sizeof(telling))];
}

static void remove_piece(struct input *in)
{
	size_t at = pick(in->size), n = 1 + pick(pick(in->size - at) + 1);

	memmove(in->data + at, in->data + at + n, in->size - at - n);
	in->size -= n;
}

/* A piece of any seed, or of the input itself, put in. */
static void insert_piece(struct input *in)
{
	struct input from = pick(2) ? *in : seeds[pick(seed_count)];
	size_t start = from.size ? pick(from.size) : 0;
	size_t n = from.size ? 1 + pick(from.size - start) : 0, at = pick(in->size + 1);
	uint8_t *piece;

	if (n > 1 && pick(4))
		n = 1 + pick(n < 32 ? n : 32);
	if (n > INPUT_MOST - in->size)
		n = INPUT_MOST - in->size;
	piece = mem_new(n + 1);
	memcpy(piece, from.data + start, n);
	memmove(in->data + at + n, in->data + at, in->size - at);
	memcpy(in->data + at, piece, n);
	in->size += n;
	free(piece);
}

/* Lengths and counts: a run of four bytes becomes a small or a very large number. */
static void change_number(struct input *in)
{
	static const uint32_t numbers[] = {0,      1,      4,          255,        256,       32768,
	                                   0xFFFF, 262144, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
	uint32_t n = numbers[pick(sizeof(numbers) / sizeof(numbers[0]))];
	size_t at;

	if (in->size < 4)
		return;
	at = pick(in->size - 3);
	for (int i = 0; i < 4; i++)
		in->data[at + (size_t)i] = (uint8_t)(n >> (24 - 8 * i));
}

static void mutate(struct input *in)
{
	for (size_t steps = 1 + pick(6); steps > 0; steps--) {
		size_t what = in->size ? pick(8) : 0;

		if (what == 0)
			insert_piece(in);
		else if (what == 1)
			remove_piece(in);
		else if (what == 2)
			change_number(in);
		else
			change_byte(in);
	}
}

static size_t play_mutations(void)
{
	struct input in = {mem_new(INPUT_MOST), 0};
	int64_t until = clock_mono_ms() + ENOUGH_MS;
	size_t played = 0;

	while (played < MUTATIONS && clock_mono_ms() < until) {
		struct input seed = seeds[pick(seed_count)];

		memcpy(in.data, seed.data, seed.size);
		in.size = seed.size;
		mutate(&in);
		play(in);
		played++;
	}
	free(in.data);
	return played;
}

int main(int argc, char **argv)
{
	size_t played = 0;
	bool folders;

	watch_for_the_end(argv[0]);
	if (LLVMFuzzerInitialize)
		(void)LLVMFuzzerInitialize(&argc, &argv);
	folders = read_all(argc, argv);
	if (!seed_count) {
		(void)fprintf(stderr, "usage: %s CORPUS_FOLDER | FILE...\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < seed_count; i++)
		play(seeds[i]);
	if (folders)
		played = play_mutations();
	(void)printf("%zu inputs and %zu mutations played\n", seed_count, played);
	for (size_t i = 0; i < seed_count; i++)
		free(seeds[i].data);
	return 0;
}
