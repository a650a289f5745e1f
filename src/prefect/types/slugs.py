"""Random names of runs, such as `quiet-otter`."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from functools import cache

_ADJECTIVES = """
    able agile airy alert amber ample apt arctic ardent autumn awake azure balmy bold brave breezy bright brisk
    broad bronze bubbly busy calm candid careful cheerful chief clean clear clever cloudy coastal cobalt cordial
    cosmic cozy crimson crisp curious daring dashing dawn deft diligent distant dreamy dusky dutiful eager early
    earnest easy elder electric elegant emerald epic even exact fabled fair faithful famous fancy fast fearless
    festive fiery fine fleet fluent fond foxy fragrant frank free fresh friendly frosty gallant gentle giant gifted
    glad gleaming golden graceful grand grateful great green handy happy hardy hasty hazel hearty helpful hidden
    honest hopeful humble icy ideal indigo ivory jade jaunty jolly jovial joyful just keen kind large laughing
    lavender lean light lilac lively lofty loud loyal lucid lucky lunar magic major marble marine mellow merry
    mighty mild mindful misty modest musical mystic native neat nifty nimble noble northern novel oaken observant
    olive opal open orange orderly pale pastel patient peaceful pearl placid playful polar polished polite prime
    proud prudent purple quick quiet radiant rapid rare ready regal rosy royal ruby rugged rustic sage sandy scarlet
    secret serene shiny silent silver sincere skilled sleek smart smooth snowy snug sociable solar solid spirited
    splendid spry stable starry steady stellar sturdy sunny super supple swift tawny teal tender tidy topaz tranquil
    trim true trusty turquoise upbeat valiant velvet vernal violet vivid warm watchful wild willing windy wise witty
    wonderful woven young zesty
"""
_ANIMALS = """
    aardvark addax albatross alpaca angelfish ant antelope armadillo auk avocet axolotl badger bandicoot barbet
    barracuda basilisk bat bear bee beetle bison bittern blackbird boar bobcat bongo buffalo bulbul bullfinch
    bunting butterfly buzzard camel capybara caracal caribou cat catfish chameleon chamois cheetah chickadee
    chinchilla chipmunk cicada civet coati cobra condor coot cormorant cougar coyote crab crane cricket crow cuckoo
    curlew deer dingo dolphin donkey dormouse dove dragonfly duck dugong dunlin eagle echidna eel egret eland
    elephant elk emu falcon fennec ferret finch firefly flamingo flounder fox frog gannet gazelle gecko gerbil
    gibbon giraffe gnu goat godwit goldfinch goose gopher goshawk grebe grouse gull guppy haddock hamster hare
    harrier hawk hedgehog heron herring hoopoe hornbill horse hound hummingbird ibex ibis iguana impala jackal
    jackdaw jaguar jay jellyfish jerboa kestrel kingfisher kite kiwi koala kookaburra kudu ladybird lapwing lark
    lemming lemur leopard lion lizard llama lobster loon lynx macaw mackerel magpie mallard manatee mantis margay
    marlin marmot marten mastiff meerkat mink mole mongoose moorhen moose moth mouse mule narwhal newt nightingale
    numbat nuthatch ocelot octopus okapi opossum orca oriole oryx osprey ostrich otter owl oyster panda pangolin
    panther parrot partridge peacock pelican penguin perch petrel pheasant pigeon pika pike piranha platypus plover
    pony porcupine porpoise possum ptarmigan puffin puma python quail quokka rabbit raccoon raven ray redstart
    reindeer rhino robin rook sable salamander salmon sandpiper sardine scallop seahorse seal serval shark sheep
    shrew shrike skink skua skylark sloth snail snipe sparrow spider squid squirrel starfish starling stingray stoat
    stork sturgeon swallow swan swift tamarin tanager tapir tarsier tern terrier thrush tiger toad tortoise toucan
    trout tuna turkey turtle urchin viper vole vulture wagtail wallaby walrus warbler waxwing weasel weaver whale
    wolf wolverine wombat woodcock woodpecker wren yak zander zebra zebu
"""


@cache
def _words() -> tuple[Sequence[str], Sequence[str]]:
    return _ADJECTIVES.split(), _ANIMALS.split()


def generate_slug(n_words: int) -> str:
    """Return a random name such as `quiet-otter`: adjectives, then an animal, joined by hyphens.

    `random.seed` does not influence it: programs that repeat their work must not repeat their names.

    Args:
        n_words: The number of words, at least 1.
    """
    if n_words < 1:
        raise ValueError(f"A slug has at least one word, not {n_words}.")
    adjectives, animals = _words()
    bits = int.from_bytes(os.urandom(4 * n_words), "big")
    words: list[str] = []
    for choice in [*[adjectives] * (n_words - 1), animals]:
        bits, index = divmod(bits, len(choice))
        words.append(choice[index])
    return "-".join(words)


def generate_pairs(count: int) -> list[str]:
    """Return many random names of an adjective and an animal, at a tenth of the cost of one each."""
    adjectives, animals = _words()
    numbers = array("I", os.urandom(array("I").itemsize * count))
    return [
        f"{adjectives[number % len(adjectives)]}-{animals[number // len(adjectives) % len(animals)]}"
        for number in numbers
    ]
