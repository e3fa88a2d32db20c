/*
 * Fingerprints of SSH keys as people write them, made into one form.
 *
 *	switch (pin_read("SHA256:ZkAs...", out, &complaint)) ...
 *
 * Read are SHA256: and SHA1: with base64 as ssh-keygen -l shows it, MD5: with hex, and hex digits
 * alone (64 are SHA-256, 40 SHA-1, 32 MD5), with colons between the bytes or without. The form made
 * has always a prefix, and hex in lower case without colons. Pure.
 */
#pragma once

enum { PIN_BYTES = 80 };

enum pin_strength {
	PIN_WRONG, /* *complaint says what is wrong with it */
	PIN_WEAK,  /* MD5, SHA-1: somebody may make a second key with that fingerprint */
	PIN_STRONG,
};

enum pin_strength pin_read(const char *text, char out[PIN_BYTES], const char **complaint);
