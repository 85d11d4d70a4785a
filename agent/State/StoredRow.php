<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\State;

use Magento\Framework\Model\AbstractModel;

/**
 * Reads an object's former row from the database, and compares the object with it.
 *
 * Magento's "original data" cannot be used for this: it is what was loaded, and stays the same
 * during several saves.
 */
class StoredRow
{
    private const NUMBERS = ['decimal', 'float', 'double', 'int', 'smallint', 'tinyint', 'mediumint', 'bigint'];
    private const TIME_STAMPS = ['created_at', 'updated_at'];
    private const DECIMALS = 4;

    /**
     * Returns the object's row; null if there is none.
     */
    public function of(AbstractModel $object): ?array
    {
        if (!$object->getId()) {
            return null;
        }
        $resource = $object->getResource();
        $connection = $resource->getConnection();
        $select = $connection->select()
            ->from($resource->getMainTable())
            ->where($connection->quoteIdentifier($resource->getIdFieldName()) . ' = ?', $object->getId());

        return $connection->fetchRow($select) ?: null;
    }

    /**
     * Returns the former values of the columns in which the object differs from its row.
     *
     * @param array $before the former row
     * @param array $now the values that were saved; a column that is absent did not change
     * @param AbstractModel $object whose table it is
     * @param string[] $watched the columns that count; none: all of them
     * @return array
     */
    public function changes(array $before, array $now, AbstractModel $object, array $watched): array
    {
        $resource = $object->getResource();
        $columns = $resource->getConnection()->describeTable($resource->getMainTable());
        $changes = [];
        foreach ($columns as $name => $column) {
            $isWatched = $watched ? in_array($name, $watched, true) : !in_array($name, self::TIME_STAMPS, true);
            if (!$isWatched || !array_key_exists($name, $now) || !array_key_exists($name, $before)) {
                continue;
            }
            $value = $now[$name];
            if ($value !== null && !is_scalar($value)) {
                continue;
            }
            if ($this->differ($before[$name], $value, in_array($column['DATA_TYPE'], self::NUMBERS, true))) {
                $changes[$name] = $before[$name];
            }
        }

        return $changes;
    }

    /**
     * Returns whether two values differ in meaning: null, 0 and '' are equal.
     *
     * @param string|int|float|bool|null $before
     * @param string|int|float|bool|null $now
     * @param bool $isNumber
     * @return bool
     */
    private function differ($before, $now, bool $isNumber): bool
    {
        if ($isNumber) {
            return round((float)$before, self::DECIMALS) !== round((float)$now, self::DECIMALS);
        }

        return (string)$before !== (string)$now;
    }
}
