"""Sentences to be spoken by a synthesiser: one half to find heads with, the other to test them on.

Written for this purpose: 8 to 14 words, the sounds of English in many surroundings, some names and numbers.
"""

SENTENCES = (
    "The old ferry leaves the harbour at 7 every foggy morning.",
    "Martha keeps 23 jars of honey on the shelf above the stove.",
    "Fresh snow had covered both tracks before anyone thought to follow.",
    "A careful nurse measured the dose twice and wrote it down.",
    "Under the wooden bridge two boys were catching small silver fish.",
    "Please bring a thick blanket, a torch, and something warm to drink.",
    "Doctor Jensen always chews peppermint while reading long reports.",
    "The committee postponed its vote until the budget could be checked.",
    "Huge yellow machines were tearing up the road outside our window.",
    "He sold his violin for 150 dollars and regretted it by Thursday.",
    "Quiet voices drifted across the courtyard long after midnight.",
    "My cousin Victor repairs clocks in a narrow shop near the station.",
    "Every child in the village knew which dog would bite.",
    "The judge asked her to speak louder and to look up.",
    "Several thin branches snapped when the heavy owl took off.",
    "Pour the batter slowly, otherwise bubbles will spoil the surface.",
    "Nobody had expected the small theatre to sell 412 tickets.",
    "Their youngest daughter wants to study rivers, glaciers and weather.",
    "She whispered a joke, and the whole jury began to laugh.",
    "An engineer from Oslo explained why the tower leaned so badly.",
    "We cooked rice with mushrooms while the rain beat the tent.",
    "Green lizards vanished beneath the hot stones as we approached.",
    "The choir rehearsed that difficult chorus until everyone was hoarse.",
    "In the attic Joan discovered a box of unopened letters.",
)

HELD_OUT = (
    "The baker on Church Street closes his shop at noon.",
    "Seventeen geese crossed the frozen pond without making a sound.",
    "A broken pipe flooded the cellar and ruined 60 bags of flour.",
    "Professor Lang forgot her umbrella on the train to Geneva.",
    "Bright orange boats were pulled far up onto the beach.",
    "The mechanic found a mouse asleep beneath the passenger seat.",
    "Could you lend me the smallest brush and some black paint?",
    "After supper the twins argued about the rules of the game.",
    "Most visitors walk past the tiny museum and never notice it.",
    "George planted 48 cherry trees behind the abandoned school.",
    "The pilot apologised twice for the rough landing in Denver.",
    "Sharp gusts of wind kept slamming the kitchen door.",
    "A young lawyer questioned the witness about the missing keys.",
    "Her grandfather could whistle any tune after hearing it once.",
    "They measured the depth of the lake with rope and lead.",
    "Nine chairs stood in a circle, but only five were taken.",
    "The puppy chewed through both cables and looked terribly pleased.",
    "Victoria mixes vinegar with soda to clean the oven.",
    "Thousands of moths gathered around the lamp above the garage.",
    "His answer was short, polite and completely wrong.",
    "When the power failed, the nurses lit candles in the hall.",
    "The map shows 3 paths, though one of them ends in a swamp.",
    "A jazz band from Chicago rehearses upstairs on Wednesdays.",
    "Cold fog rolled over the hills and swallowed the farm.",
)

# voices of espeak-ng for each half: other speakers, another English; the variants f2 to f5 have an echo of 120 to 140 ms
VOICES = ("en-us", "en-us+f1", "en-us+m3", "en-gb")
HELD_OUT_VOICES = ("en-us+f2", "en-us+m7", "en-gb-x-rp+f4", "en-gb-scotland")
