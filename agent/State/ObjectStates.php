<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\State;

use WeakMap;
use WeakReference;

/**
 * Holds a state for each living object, without keeping the object alive.
 */
class ObjectStates
{
    private const ROOM = 500;

    /**
     * For PHP 8 and later.
     *
     * @var WeakMap|null
     */
    private $map;

    /**
     * For PHP 7.4: by the object's id, a weak reference and the state.
     *
     * @var array[]
     */
    private $states = [];

    /**
     * At so many states, those of destroyed objects are removed.
     *
     * @var int
     */
    private $room = self::ROOM;

    /**
     * Prepares it.
     */
    public function __construct()
    {
        $this->map = class_exists(WeakMap::class, false) ? new WeakMap() : null;
    }

    /**
     * Returns the state of an object.
     */
    public function of(object $object): ObjectState
    {
        if ($this->map !== null) {
            $state = $this->map[$object] ?? new ObjectState();
            $this->map[$object] = $state;
            return $state;
        }
        if (!class_exists(WeakReference::class, false)) {
            return $this->onTheObject($object);
        }
        $key = spl_object_id($object);
        // PHP reuses the id of a destroyed object.
        if (!isset($this->states[$key]) || $this->states[$key][0]->get() !== $object) {
            if (count($this->states) >= $this->room) {
                $this->dropUnreachable();
            }
            $this->states[$key] = [WeakReference::create($object), new ObjectState()];
        }

        return $this->states[$key][1];
    }

    /**
     * Checks all of them, and again when there are twice as many as are alive now.
     */
    private function dropUnreachable(): void
    {
        $this->states = array_filter($this->states, function (array $kept): bool {
            return $kept[0]->get() !== null;
        });
        $this->room = max(self::ROOM, 2 * count($this->states));
    }

    /**
     * Holds the state in a property of the object, as PHP 7.3 has no weak references. A clone gets its own state.
     */
    private function onTheObject(object $object): ObjectState
    {
        $key = spl_object_id($object);
        if (!isset($object->eventBridgeAgentState) || $object->eventBridgeAgentState[0] !== $key) {
            $object->eventBridgeAgentState = [$key, new ObjectState()];
        }

        return $object->eventBridgeAgentState[1];
    }
}
