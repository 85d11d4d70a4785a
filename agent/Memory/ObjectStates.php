<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Memory;

use WeakReference;

/**
 * Keeps a note for each living object, without keeping the object alive.
 */
class ObjectStates
{
    private const ROOM = 500;

    /**
     * @var array
     */
    private $notes = [];

    public function of(object $thing): ObjectState
    {
        $key = spl_object_id($thing);
        // The id of an object that is gone is given again.
        if (!isset($this->notes[$key]) || $this->notes[$key][0]->get() !== $thing) {
            if (count($this->notes) >= self::ROOM) {
                $this->dropTheDead();
            }
            $this->notes[$key] = [WeakReference::create($thing), new ObjectState()];
        }

        return $this->notes[$key][1];
    }

    private function dropTheDead(): void
    {
        $this->notes = array_filter($this->notes, function (array $kept): bool {
            return $kept[0]->get() !== null;
        });
    }
}
