<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\FullDetail;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Fence;
use MagentoEventBridge\Agent\Snapshot\Snapshot;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Adds what full details need to a snapshot, in store views that have them on.
 */
class FullSnapshot implements SnapshotInterface
{
    /**
     * @var SnapshotInterface
     */
    private $documented;

    /**
     * @var AdditionsInterface
     */
    private $additions;

    /**
     * @var DetailLevel
     */
    private $level;

    /**
     * @var Surroundings
     */
    private $surroundings;

    /**
     * @var Fence
     */
    private $fence;

    public function __construct(
        SnapshotInterface $documented,
        AdditionsInterface $additions,
        DetailLevel $level,
        Surroundings $surroundings,
        Fence $fence
    ) {
        $this->documented = $documented;
        $this->additions = $additions;
        $this->level = $level;
        $this->surroundings = $surroundings;
        $this->fence = $fence;
    }

    public function storeId(DataObject $thing): ?int
    {
        return $this->documented->storeId($thing);
    }

    /**
     * Takes the snapshot; if the additions fail, the documented one goes on without them.
     *
     * @param DataObject $thing
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $thing, array $stored = []): ?Snapshot
    {
        $snapshot = $this->documented->of($thing, $stored);
        if ($snapshot === null || !$this->level->isFull($this->viewOf($thing, $stored))) {
            return $snapshot;
        }
        $added = [];
        $this->fence->run('reading full details', function () use ($thing, $stored, &$added): void {
            $added = $this->additions->of($thing, $stored);
        });

        return new Snapshot(
            $snapshot->getSubject(),
            array_replace_recursive($snapshot->getFields(), $added),
            $snapshot->isNew(),
            true
        );
    }

    private function viewOf(DataObject $thing, array $stored): int
    {
        return (int)($this->storeId($thing) ?? $stored['store_id'] ?? $this->surroundings->getStoreId());
    }
}
