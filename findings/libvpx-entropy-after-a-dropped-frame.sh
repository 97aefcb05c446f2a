#!/usr/bin/env bash
# The VP8 encoder of libvpx 1.12.0, which leaves out frames to hold its rate, and two temporal layers by VP8_EFLAG_* flags.
# A good engineer's guess: a frame that the encoder leaves out changes nothing; so the flag that keeps a frame's entropy contexts to itself
# (VP8_EFLAG_NO_UPD_ENTROPY), given for every other frame, is what makes these frames ones that can be left out.
# Seen: when a frame with that flag is left out, the encoder goes back to contexts that it saved at an earlier frame, which no decoder has. All
# that comes after is decoded without an error into other pictures than the encoder has, until the next key frame. The mode for losses
# (g_error_resilient = 1), in which no frame changes the contexts, does the same without harm.
# Needs root for apt.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
command -v cc >/dev/null && pkg-config --exists vpx 2>/dev/null || {
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends gcc libc6-dev pkg-config libvpx-dev
}
cat >"$folder/layers.c" <<'C'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

enum { WIDTH = 320, HEIGHT = 192, FRAMES = 240 };

static void must(vpx_codec_err_t code) {
    if (code != VPX_CODEC_OK) exit(2);
}

/* Tiles that move, and are others every second. */
static void draw(vpx_image_t *image, int n) {
    unsigned seed = 7u + (unsigned)(n / 30) * 977u;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            unsigned cell = ((unsigned)((x + n) / 8) * 31u + (unsigned)(y / 8) * 17u + seed) * 2654435761u;
            image->planes[0][y * image->stride[0] + x] = (unsigned char)(40 + (cell >> 24) * 5 / 8);
        }
    }
    for (int plane = 1; plane < 3; plane++)
        for (int y = 0; y < HEIGHT / 2; y++) memset(image->planes[plane] + y * image->stride[plane], 128, WIDTH / 2);
}

/* The least likeness, in dB, of what the encoder has and what a decoder makes of it, two seconds after frames were left out; in `left_out`,
   how many upper ones. */
static double worst(int resilient, int flag, int *left_out) {
    vpx_codec_enc_cfg_t config;
    vpx_codec_ctx_t encoder, decoder;
    vpx_image_t *image = vpx_img_alloc(NULL, VPX_IMG_FMT_I420, WIDTH, HEIGHT, 16);
    must(vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0));
    config.g_w = WIDTH, config.g_h = HEIGHT, config.g_timebase.num = 1, config.g_timebase.den = 30;
    config.g_lag_in_frames = 0, config.g_error_resilient = resilient, config.kf_mode = VPX_KF_DISABLED;
    config.rc_end_usage = VPX_CBR, config.rc_target_bitrate = 600, config.rc_dropframe_thresh = 30;
    config.rc_max_quantizer = 56, config.rc_buf_sz = 1000, config.rc_buf_initial_sz = 500, config.rc_buf_optimal_sz = 600;
    must(vpx_codec_enc_init(&encoder, vpx_codec_vp8_cx(), &config, 0));
    must(vpx_codec_control(&encoder, VP8E_SET_CPUUSED, -8));
    must(vpx_codec_dec_init(&decoder, vpx_codec_vp8_dx(), NULL, 0));
    double least = 100;
    int upper = 0;
    *left_out = 0;
    for (int n = 0; n < FRAMES; n++) {
        if (n == 60 || n == 120) {
            /* Too little for all frames, for two seconds. */
            config.rc_target_bitrate = n == 60 ? 20 : 600;
            must(vpx_codec_enc_config_set(&encoder, &config));
        }
        draw(image, n);
        int flags = upper ? VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF | flag : 0;
        must(vpx_codec_encode(&encoder, image, n, 1, flags, VPX_DL_REALTIME));
        vpx_codec_iter_t at = NULL, shown = NULL;
        const vpx_codec_cx_pkt_t *packet = vpx_codec_get_cx_data(&encoder, &at);
        if (!packet || packet->kind != VPX_CODEC_CX_FRAME_PKT || !packet->data.frame.sz) {
            *left_out += upper;
            continue;
        }
        must(vpx_codec_decode(&decoder, packet->data.frame.buf, (unsigned)packet->data.frame.sz, NULL, 0));
        const vpx_image_t *made = vpx_codec_get_frame(&decoder, &shown), *has = vpx_codec_get_preview_frame(&encoder);
        upper = !upper;
        if (n < 180) continue;
        double squares = 0;
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                double off = made->planes[0][y * made->stride[0] + x] - has->planes[0][y * has->stride[0] + x];
                squares += off * off;
            }
        double likeness = squares > 0 ? 10 * log10(65025.0 * WIDTH * HEIGHT / squares) : 100;
        if (likeness < least) least = likeness;
    }
    vpx_codec_destroy(&encoder);
    vpx_codec_destroy(&decoder);
    vpx_img_free(image);
    return least;
}

int main(void) {
    int by_flag, by_mode;
    double flag = worst(0, VP8_EFLAG_NO_UPD_ENTROPY, &by_flag), mode = worst(1, 0, &by_mode);
    printf("%s\n", vpx_codec_version_str());
    printf("by the flag: %d upper frames left out, encoder and decoder alike by %.1f dB at least\n", by_flag, flag);
    printf("by the mode: %d upper frames left out, encoder and decoder alike by %.1f dB at least\n", by_mode, mode);
    return by_flag && by_mode && flag < 40 && mode > 40 ? 0 : 1;
}
C
cc -O2 -o "$folder/layers" "$folder/layers.c" $(pkg-config --cflags --libs vpx) -lm
# by the flag: 2 upper frames left out, encoder and decoder alike by 11.8 dB at least
# by the mode: 2 upper frames left out, encoder and decoder alike by 68.6 dB at least
"$folder/layers" || { echo "this has changed"; exit 1; }
